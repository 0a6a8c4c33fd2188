"""An OpenAI-compatible endpoint, against a real server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from souviens.encode import Endpoint, find
from souviens.encode.endpoint import BATCH, MAX_CHARACTERS, EndpointEncoder
from souviens.errors import EncoderError, NotPermitted

Answer = tuple[int, Any, dict[str, str]]


class Server:
    """Answers each POST by `answer(request body)`; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.answer: Callable[[dict[str, Any]], Answer] = vectors
        server = self

        class Requests(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append(body)
                server.keys.append(self.headers["Authorization"])
                server.paths.append(self.path)
                status, answer, headers = server.answer(body)
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *values: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


def vectors(body: dict[str, Any]) -> Answer:
    """A vector (length, 1, 0) for each text, in reverse order, as the protocol allows."""
    rows = [{"object": "embedding", "index": at, "embedding": [len(text), 1, 0]} for at, text in enumerate(body["input"])]
    return 200, {"object": "list", "data": rows[::-1], "usage": {"total_tokens": 1}}, {}


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_vectors_in_the_order_of_the_texts(server: Server, suffix: str) -> None:
    encoder = EndpointEncoder(Endpoint(server.url + suffix, "little", key="secret"))
    texts = ["x" * n for n in range(1, 2 * BATCH + 2)]
    found = encoder.encode(texts)
    expected = np.array([[len(text), 1, 0] for text in texts], dtype=np.float32)
    assert np.allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True))
    assert found.dtype == np.float32
    assert [len(body["input"]) for body in server.asked] == [BATCH, BATCH, 1]
    assert {body["model"] for body in server.asked} == {"little"}
    assert set(server.keys) == {"Bearer secret"}
    assert set(server.paths) == {"/v1/embeddings"}
    assert encoder.dimensions == 3
    assert len(server.asked) == 3


def test_dimensions_are_asked_for_once(server: Server) -> None:
    encoder = EndpointEncoder(Endpoint(server.url, "little"))
    assert server.asked == []
    assert encoder.encode([]).shape == (0, 3)
    assert encoder.dimensions == 3
    assert len(server.asked) == 1
    assert server.keys == [None]


def test_empty_endless_and_broken_texts_are_sent_as_servers_take_them(server: Server) -> None:
    EndpointEncoder(Endpoint(server.url, "little")).encode(["", "y" * 50_000, "a\ud800b"])
    assert server.asked[0]["input"] == [" ", "y" * MAX_CHARACTERS, "a?b"]


def row(index: int, *embedding: float) -> dict[str, object]:
    return {"index": index, "embedding": embedding}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, {"error": "out of memory"}, {}), "HTTP 500.*out of memory"),
        ((401, {"error": "no key"}, {}), "HTTP 401"),
        ((200, b"<html>", {}), "not an embeddings answer"),
        ((200, {"data": []}, {}), "0 vectors for 2 texts"),
        ((200, {"data": [row(0, 1, 0), row(0, 1, 0)]}, {}), "2 vectors for 2 texts"),
        ((200, {"data": [row(0, 1, 0), row(1, 1, 0, 0)]}, {}), "other lengths"),
        ((200, {"data": [row(0, 1, 0), row(1, 0, 0)]}, {}), "zero or not finite"),
        ((200, {"data": [row(0, 1, 0), row(1, 1e300, 0)]}, {}), "zero or not finite"),
    ],
)
def test_a_wrong_answer_is_an_error_that_says_what_came(server: Server, answer: Answer, said: str) -> None:
    server.answer = lambda body: answer
    with pytest.raises(EncoderError, match=f"(?s){server.url}.*{said}"):
        EndpointEncoder(Endpoint(server.url, "little")).encode(["one", "two"])


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.answer = lambda body: (307, {}, {"Location": f"{server.url}/elsewhere"})
    with pytest.raises(EncoderError, match="redirect"):
        EndpointEncoder(Endpoint(server.url, "little")).encode(["private"])
    assert server.paths == ["/v1/embeddings"]


def test_a_proxy_of_the_environment_never_sees_local_texts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert EndpointEncoder(Endpoint(server.url, "little")).encode(["private"]).shape == (1, 3)


def test_nobody_there(server: Server) -> None:
    with pytest.raises(EncoderError, match="no answer"):
        EndpointEncoder(Endpoint("http://127.0.0.1:9", "little")).encode(["one"])


@pytest.mark.parametrize(
    "url", ["https://api.example.org/v1", "http://192.168.1.4:11434", "http://localhost.example.org", "http://0.0.0.0:80"]
)
def test_another_machine_only_if_allowed(url: str) -> None:
    with pytest.raises(NotPermitted, match="not this machine"):
        EndpointEncoder(Endpoint(url, "little"))
    assert EndpointEncoder(Endpoint(url, "little", allow_remote=True)).id.startswith("endpoint/little@")


@pytest.mark.parametrize("url", ["localhost:11434", "ftp://localhost", "http://", ""])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(EncoderError, match="not an address"):
        EndpointEncoder(Endpoint(url, "little"))


def test_the_key_is_never_shown(tmp_path: object) -> None:
    assert "secret" not in repr(Endpoint("http://localhost", "little", key="secret"))


def test_find_gives_the_endpoint(server: Server, tmp_path: Any) -> None:
    encoder = find(tmp_path, Endpoint(server.url, "little"))
    assert encoder is not None
    assert encoder.encode(["one"]).shape == (1, 3)
