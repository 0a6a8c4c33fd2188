"""The keys ChatGPT's exports are known to have. A key that is not here is kept all the same, and counted as unknown."""

from __future__ import annotations

from souviens.records import Json


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONVERSATION = _words("""
    async_status atlas_mode_enabled blocked_urls content context_scopes conversation_id conversation_origin
    conversation_template_id create_time current_node default_model_slug disabled_tool_ids gizmo_id gizmo_type id is_anonymous
    is_archived is_do_not_remember is_read_only is_starred is_study_mode is_temporary_chat mapping memory_scope
    moderation_results owner pinned_time plugin_ids rating safe_urls sugar_item_id sugar_item_visible title update_time user_id
    voice workspace_id
    """)
NODE = _words("id parent children message")
MESSAGE = _words("id author create_time update_time content status end_turn weight metadata recipient channel")
AUTHOR = _words("role name metadata")
CONTENT = _words("""
    assets computer_id content content_type crawl_date crawl_timestamp domain is_ephemeral language metadata model_set_context
    name output_str parts pub_date pub_timestamp ref_id repo_summary repository response_format_name result screenshot snippet
    source_analysis_msg_id state structured_context summary tether_id text thoughts title unprocessed_output url
    user_instructions user_profile
    """)
PART = _words("""
    asset_pointer audio_asset_pointer audio_start_timestamp content_type decoding_id direction expiry_datetime format fovea
    frames_asset_pointers height metadata mime_type size_bytes text tool_audio_direction video_container_asset_pointer width
    """)
METADATA = _words("""
    _cite_metadata accelerator_metadata ada_visualizations aggregate_result application args async_task_conversation_id
    async_task_created_at async_task_id async_task_prompt async_task_status_messages async_task_title async_task_type
    atlas_history_metadata attachments b1de6e2_rm b1de6e2_s can_save canvas chatgpt_sdk citations
    client_reported_search_source cloud_doc_urls command connector_source content_references contextual_answers_message_type
    cot_summary debug_sonic_thread_id deep_research_version default_model_slug developer_mode_connector_ids dictation
    dictation_asset_pointer durationMs duration_ms exclude_after_next_user_message exclusive_key finish_details
    finished_duration_sec finished_text gizmo_id image_gen_async image_gen_multi_stream image_gen_task_id image_gen_title
    image_results injected_user_context_metadata invoked_plugin is_async_task_result_message is_complete
    is_contextual_answers_system_message is_error is_loading_message is_redacted is_starter_prompt is_study_mode
    is_thinking_preamble_message is_user_system_message is_visually_hidden_from_conversation
    is_visually_hidden_reasoning_group jit_plugin_data kwargs message_locale message_source message_type model_adjustments
    model_slug model_switcher_deny n7jupd_crefs n7jupd_crefs_by_file n7jupd_message n7jupd_subtool n7jupd_summary
    n7jupd_titles n7jupd_url no_auth_ad_preferences original_audio_source paragen_stream_choice paragen_variant_choice
    paragen_variants_info parent_id pending_memory_content permissions pill_text preamble_type reasoning_end_time
    reasoning_group_id reasoning_start_time reasoning_status reasoning_title rebase_developer_message rebase_system_message
    request_id requested_model_id requires_user_action resolved_model_slug safe_urls search_display_string search_engine
    search_queries search_result_groups search_source search_turns_count searched_display_string selected_connectors
    selected_github_repos selected_mcp_sources selected_sources serialization_metadata skip_reasoning_title
    sonic_classification_result source_analysis_msg_id start_time status subtool summarization_headline
    summarization_textdoc_id system_hints targeted_reply targeted_reply_label targeted_reply_source_message_id
    thinking_effort timestamp_ title tool_response_metadata triggered_by_system_hint_suggestion turn_exchange_id
    turn_summary user_context_message_data user_timezone venus_message_type venus_widget_state voice_mode_message
    voice_session_id widget_state
    """)
UPLOAD = _words("""
    file_id fileSizeTokens fileTokenSize file_token_size height id is_big_paste library_artifact_type library_file_id mimeType
    mime_type name size source width
    """)
# Around a conversation, as extensions and scripts write it.
CAPTURE = _words("""
    capture_id captured_at chats conversation conversations data exported_at id items meta page payload provenance
    raw_provider_payload schema_version session source title url version
    """)

# What stands for "nothing here" is left out of `extra`: the slice still has it, and most of every message is such keys.
_NOTHING: tuple[Json, ...] = (None, [], {})


def remaining(fields: dict[str, Json]) -> dict[str, Json]:
    """The fields that say something; not those that are null or an empty container."""
    return {key: value for key, value in fields.items() if value or value not in _NOTHING}


def take(fields: dict[str, Json], key: str) -> str:
    """Take the words under `key` out of `fields`; "" if there are none. What is no string, or an empty one, stays where it is."""
    value = fields.get(key)
    if not value or not isinstance(value, str):
        return ""
    del fields[key]
    return value


def count_unknown(unknown: dict[str, int], path: str, fields: dict[str, Json], known: frozenset[str]) -> None:
    """Count the keys of `fields` that no table names under their path."""
    if not known.issuperset(fields):
        for key in fields.keys() - known:
            place = f"{path}.{key}" if path else key
            unknown[place] = unknown.get(place, 0) + 1
