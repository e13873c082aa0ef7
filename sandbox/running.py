"""Servers that are up: their addresses, their seed, and the folder that keeps their state."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox import seeds
from sandbox.server import Server
from sandbox.wire import App, Counts

SAVE_EVERY_S = 1.0


class Running:
    """The servers between start and stop. `ready` is what clients need, `counts` what became of the seed rows."""

    def __init__(
        self,
        apps: Mapping[str, App],
        ports: Mapping[str, int],
        *,
        seed: str | Path | Iterable[Mapping[str, str]] | None,
        state: Path | None,
        tls: bool,
    ) -> None:
        self.apps = dict(apps)
        self.counts: dict[str, Counts] = {}
        self._state = state
        self._saved = dict.fromkeys(apps, -1)
        self._stopped = threading.Event()
        self._fill(seed)
        context = _self_signed() if tls else None
        self._servers: dict[str, Server] = {}
        try:
            for crm, app in self.apps.items():
                self._servers[crm] = Server(app, ports[crm], context)
                self._servers[crm].start()
        except OSError:
            self._close()  # a port is taken: nothing stays open
            raise
        self.ready: dict[str, dict[str, str]] = {
            crm: {"base_url": server.base_url, **self.apps[crm].credentials()} for crm, server in self._servers.items()
        }
        self._saver = threading.Thread(target=self._save_at_intervals, name="sandbox-state", daemon=True)
        if state is not None:
            self._saver.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Close every connection and keep the state; calling it twice does no harm."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._close()
        if self._state is not None:
            self._saver.join()
            self.save()

    def _close(self) -> None:
        for server in self._servers.values():
            server.stop()

    def save(self) -> None:
        """Write the state of every server that changed since the last time."""
        for crm, app in self.apps.items():
            if self._state is not None and app.writes != self._saved[crm]:
                with app.lock:
                    self._saved[crm] = app.writes
                    text = json.dumps(app.snapshot(), ensure_ascii=False, separators=(",", ":"))
                _replace(self._state / f"{crm}.json", text)

    def _fill(self, seed: str | Path | Iterable[Mapping[str, str]] | None) -> None:
        kept = {crm for crm, app in self.apps.items() if self._restore(crm, app)}
        if seed is None:
            return
        rows = list(seeds.read(seed)) if isinstance(seed, (str, Path)) else [seeds.understood(row) for row in seed]
        for crm, app in self.apps.items():
            if crm not in kept:
                self.counts[crm] = app.plant(seeds.for_crm(rows, crm))

    def _restore(self, crm: str, app: App) -> bool:
        if self._state is None:
            return False
        self._state.mkdir(parents=True, exist_ok=True)
        file = self._state / f"{crm}.json"
        if not file.exists():
            return False
        app.restore(json.loads(file.read_text(encoding="utf-8")))
        self._saved[crm] = app.writes
        return True

    def _save_at_intervals(self) -> None:
        pause = SAVE_EVERY_S
        while not self._stopped.wait(pause):
            begin = time.monotonic()
            self.save()
            pause = max(SAVE_EVERY_S, 20 * (time.monotonic() - begin))  # a large state is saved less often


def _replace(file: Path, text: str) -> None:
    beside = file.with_suffix(".tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def _self_signed() -> ssl.SSLContext:
    """A certificate for 127.0.0.1 and localhost, made afresh."""
    import datetime
    import ipaddress
    import tempfile

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    hosts: list[Any] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(key, hashes.SHA256())
    )
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        file.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.name)
    return context
