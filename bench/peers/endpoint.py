"""Our encoder for the peers: POST /v1/embeddings on loopback, in the words of OpenAI's interface, which all of them speak."""

from __future__ import annotations

import http.client
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from souviens.encode import Encoder

MODEL = "all-MiniLM-L6-v2"


@contextmanager
def served(encoder: Encoder) -> Iterator[str]:
    """The address of the encoder (http://127.0.0.1:PORT/v1) while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(encoder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answering(encoder: Encoder) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections stay open: a client that keeps them pays for one only
        wbufsize = -1  # one packet an answer; two would wait 40 ms for each other
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            texts = [given["input"]] if isinstance(given["input"], str) else given["input"]
            rows = [
                {"object": "embedding", "index": index, "embedding": vector}
                for index, vector in enumerate(encoder.encode(texts).tolist())
            ]
            usage = {"prompt_tokens": 0, "total_tokens": 0}  # clients require the field; nobody is billed
            answer = {"object": "list", "data": rows, "model": given.get("model", MODEL), "usage": usage}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a line a request would drown the tables."""

    return Answering


def compared(encoder: Encoder, address: str, texts: Sequence[str]) -> tuple[float, float]:
    """Milliseconds for one text, medians: asked here, as our recall does, and over an open connection, as a peer may at best."""
    at = urlsplit(address)
    connection = http.client.HTTPConnection(at.netloc)

    def far(text: str) -> None:
        connection.request("POST", f"{at.path}/embeddings", json.dumps({"model": MODEL, "input": text}))
        json.loads(connection.getresponse().read())

    def near(text: str) -> None:
        encoder.encode([text])

    try:
        return _median(near, texts), _median(far, texts)
    finally:
        connection.close()


def _median(ask: Callable[[str], None], texts: Sequence[str]) -> float:
    times = []
    for text in texts:
        started = time.perf_counter()
        ask(text)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)
