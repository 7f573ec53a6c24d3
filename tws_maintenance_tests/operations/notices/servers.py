"""A mail server and a webhook on this machine: real sockets, every answer as the test wants it."""

import base64
import contextlib
import json
import shutil
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest


@dataclass(frozen=True)
class Mail:
    """A message as it arrived: who was logged in (or ""), whether encrypted, for whom, what."""

    user: str
    is_encrypted: bool
    recipients: tuple[str, ...]
    message: EmailMessage


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class MailServer:
    """Takes mail; a context manager.

    `offers` are the extensions it names, `password` the one it accepts, `refused` the recipients
    it does not know, `certificate` (with its key) what it encrypts with, `dies` lets it hang up
    at the end of a message, and it refuses texts of more than `limit` characters.
    """

    def __init__(
        self,
        *offers: str,
        password: str = "",
        refused: tuple[str, ...] = (),
        certificate: Path | None = None,
        dies: bool = False,
        limit: int = 0,
        refusal: str = "535 5.7.8 wrong user or password",
    ) -> None:
        self.limit = limit
        self.refusal = refusal
        self.offers = offers
        self.password = password
        self.refused = refused
        self.certificate = certificate
        self.dies = dies
        self.mails: list[Mail] = []
        self.commands: list[str] = []
        handler = type("Handler", (_MailHandler,), {"mine": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _MailHandler(socketserver.StreamRequestHandler):
    mine: MailServer

    def handle(self) -> None:
        self._user, self._recipients, self._is_encrypted = "", [], False  # type: ignore[var-annotated]
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            self.mine.commands.append(line.split(maxsplit=1)[0].upper())
            if not self._obey(line):
                return

    def _obey(self, line: str) -> bool:
        """Do what a command says; False ends the conversation."""
        verb = line.split(maxsplit=1)[0].upper()
        if verb == "EHLO":
            names = [one for one in self.mine.offers if not self._is_encrypted or one != "STARTTLS"]
            self._say("\r\n".join(["250-hello", *(f"250-{one}" for one in names), "250 HELP"]))
        elif verb == "STARTTLS":
            self._encrypt()
        elif verb == "AUTH":
            self._log_in(line)
        elif verb == "RCPT":
            self._take_recipient(line)
        elif verb == "DATA":
            return self._take()
        elif verb == "QUIT":
            self._say("221 bye")
            return False
        else:
            self._say("250 ok")
        return True

    def _encrypt(self) -> None:
        self._say("220 go ahead")
        assert self.mine.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.mine.certificate)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self._is_encrypted = True

    def _log_in(self, line: str) -> None:
        _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
        is_right = password == self.mine.password
        self._user = user if is_right else ""
        self._say("235 welcome" if is_right else self.mine.refusal)

    def _take_recipient(self, line: str) -> None:
        address = line.partition("<")[2].partition(">")[0]
        if address in self.mine.refused:
            self._say("550 5.1.1 no such user")
            return
        self._recipients.append(address)
        self._say("250 ok")

    def _take(self) -> bool:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        if self.mine.dies:
            return False
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        if self.mine.limit and len(message.get_content()) > self.mine.limit:
            self._say("552 5.3.4 message too big")
            return True
        self.mine.mails.append(
            Mail(self._user, self._is_encrypted, tuple(self._recipients), message)
        )
        self._say("250 taken")
        return True

    def _say(self, text: str) -> None:
        self.connection.sendall(f"{text}\r\n".encode())


def self_signed(folder: Path) -> Path:
    """Make a certificate of 127.0.0.1 with its key in one file; skips without openssl."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("there is no openssl here")
    path = folder / "server.pem"
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        [program, *request, "-nodes", *name, "-keyout", str(path), "-out", str(folder / "c.pem")],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + (folder / "c.pem").read_bytes())
    return path


class Webhook:
    """Takes JSON and answers `status` and `answer`; a context manager.

    `hangs`: it answers never; `trickles`: it never comes to the end of its headers. Texts of more
    than `limit` characters it refuses as Discord does, and those with `unwanted`; after so many
    as `refuses_after` it asks for a pause.
    """

    def __init__(
        self, status: int = 200, *, limit: int = 0, unwanted: str = "", refuses_after: int = 0
    ) -> None:
        self.status = status
        self.refuses_after = refuses_after
        self.answer = b""
        self.limit = limit
        self.unwanted = unwanted
        self.headers: dict[str, str] = {}
        self.hangs = False
        self.trickles = False
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self._let_go = threading.Event()
        handler = type("Handler", (_WebhookHandler,), {"mine": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/T000/the-secret"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go.set()
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float = 60) -> bool:
        """Keep whoever asks waiting until the server is closed; tell whether it is."""
        return self._let_go.wait(seconds)

    def judge(self, text: str) -> tuple[int, bytes]:
        """Return the status and the body to answer with."""
        if self.limit and len(text) > self.limit:
            return 400, b'{"content": ["Must be %d or fewer in length."]}' % self.limit
        if self.unwanted and self.unwanted in text:
            return 422, b"unwanted words"
        if self.refuses_after and len(self.bodies) > self.refuses_after:
            return 429, b"slow down"
        return self.status, self.answer


class _WebhookHandler(BaseHTTPRequestHandler):
    mine: Webhook

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.mine.asked.append(self.path)
        self.mine.bodies.append(json.loads(self.rfile.read(length)))
        if self.mine.hangs:
            self.mine.wait()
            return
        if self.mine.trickles:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            with contextlib.suppress(OSError):
                while not self.mine.wait(0.02):
                    self.wfile.write(b"x")
            return
        status, answer = self.mine.judge(self.mine.bodies[-1]["text"])
        self.send_response(status)
        for name, value in self.mine.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
        """Keep quiet."""


@contextlib.contextmanager
def nobody_listening() -> Iterator[int]:
    """Yield a port of this machine on which nobody answers."""
    with _Server(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        port = server.server_address[1]
    yield port
