"""The journeys over vault, formats and index: what a door may ask for. Each ends in a receipt (`receipts`).

    intake       take_in          giving      give_back, choose, move        checking     verify, rebuild
    lines        import_lines,    erasing     erase, undo                    remembering  remember, review
                 export_lines     viewing     find, listing, show            indexing     open_index, catch_up, embed

`stored`, `holes` and `counting` are what they share.
"""
