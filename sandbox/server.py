"""A small, fast HTTP/1.1 server on the loopback address: one thread per connection, keep-alive, no dependencies."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import struct
import threading
from collections.abc import Iterator

from sandbox.faults import ConnectionDropped
from sandbox.messages import Reply, Request, phrase
from sandbox.wire import App

MAX_HEAD = 256 * 1024

log = logging.getLogger("leadloom.sandbox")


class Server:
    """Serves one app until `stop`."""

    def __init__(self, app: App, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.app = app
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._stopping = False
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name=f"sandbox-{app.name}", daemon=True)

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accept call
        self._listener.close()
        with self._guard:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(connection,), daemon=True).start()

    def _connection(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with self._guard:
                self._open.add(connection)
            self._talk(connection)
        except (OSError, ValueError):
            pass  # the client went away or does not speak HTTP: nobody is left to answer to
        finally:
            with self._guard:
                self._open.discard(connection)
            connection.close()

    def _talk(self, connection: socket.socket) -> None:
        for request, keep in _requests(connection, "https" if self._tls else "http"):
            try:
                reply = self._reply(request)
            except ConnectionDropped as dropped:
                _drop(connection, dropped)
                return
            connection.sendall(_bytes(reply, request.method, keep))
            if not keep or self._stopping:
                return

    def _reply(self, request: Request) -> Reply:
        try:
            return self.app.handle(request)
        except ConnectionDropped:
            raise
        except Exception:
            log.exception("the sandbox failed at %s %s", request.method, request.path)
            return Reply(500, b"the sandbox itself failed; see its log", {"Content-Type": "text/plain"})


def _requests(connection: socket.socket, scheme: str) -> Iterator[tuple[Request, bool]]:
    """The requests of a connection, each with whether it wants the connection kept."""
    pending = b""
    while True:
        while (end := pending.find(b"\r\n\r\n")) < 0:
            chunk = connection.recv(65536)
            if not chunk or len(pending) > MAX_HEAD:
                return
            pending += chunk
        lines = pending[:end].decode("latin-1").split("\r\n")
        method, target, version = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, pending = _body(connection, headers, pending[end + 4 :])
        keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        yield Request(method, target, headers, body, scheme=scheme), keep


def _body(connection: socket.socket, headers: dict[str, str], pending: bytes) -> tuple[bytes, bytes]:
    """The body of a request, and what was read beyond it."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _chunks(connection, pending)
    length = int(headers.get("content-length", 0))
    if length <= len(pending):
        return pending[:length], pending[length:]
    parts = [pending]
    missing = length - len(pending)
    while missing > 0:
        chunk = _more(connection)
        parts.append(chunk)
        missing -= len(chunk)
    whole = b"".join(parts)
    return whole[:length], whole[length:]


def _chunks(connection: socket.socket, pending: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        while (end := pending.find(b"\r\n")) < 0:
            pending += _more(connection)
        size = int(pending[:end].split(b";")[0], 16)
        pending = pending[end + 2 :]
        while len(pending) < size + 2:
            pending += _more(connection)
        body, pending = body + pending[:size], pending[size + 2 :]
        if size == 0:
            return body, pending


def _more(connection: socket.socket) -> bytes:
    chunk = connection.recv(1 << 20)
    if not chunk:
        raise OSError("the client closed the connection within a request")
    return chunk


def _bytes(reply: Reply, method: str, keep: bool) -> bytes:
    body = reply.encode()
    head = [f"HTTP/1.1 {reply.status} {phrase(reply.status)}"]
    head.extend(f"{name}: {value}" for name, value in reply.headers.items())
    if reply.status != 204:
        head.append(f"Content-Length: {len(body)}")
    if not keep:
        head.append("Connection: close")
    raw = "\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n"
    return raw if method == "HEAD" or reply.status == 204 else raw + body


def _drop(connection: socket.socket, dropped: ConnectionDropped) -> None:
    if dropped.sent:
        connection.sendall(dropped.sent)
    if dropped.reset:  # no lingering: the peer gets RST instead of FIN
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif not isinstance(connection, ssl.SSLSocket):
        connection.shutdown(socket.SHUT_RDWR)
