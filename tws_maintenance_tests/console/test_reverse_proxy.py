"""Below a path of a proxy every address stays there; what the server refuses has our shape."""

import html
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import requests

from tws_maintenance.console.serve import READ_BYTES
from tws_maintenance_tests.console.support import API, STI, Console, opened, served
from tws_maintenance_tests.console.test_login import PASSWORD, PROXIED, basic

PREFIX = "/robot/ops"
PROXY = {"X-Forwarded-Host": "maintenance.example", "X-Forwarded-Proto": "https"}
ADDRESS = re.compile(r'\b(?:href|src|action|formaction|data-live)="([^"]*)"')
ELSEWHERE = ("#", "http://", "https://")


@dataclass
class Below:
    """The console as a browser sees it behind a proxy that serves it below `PREFIX`."""

    origin: str
    cookie: str = ""
    prefix: str = PREFIX

    def ask(
        self,
        path: str,
        method: str = "GET",
        data: dict[str, str] | None = None,
        json: object = None,
        token: str = "",
    ) -> requests.Response:
        """Ask for a path of the console, as the proxy does when the prefix is taken away."""
        who = {"Cookie": self.cookie} if self.cookie else basic(PASSWORD)
        who |= {"X-CSRFToken": token} if token else {}
        answer = requests.request(
            method,
            f"{self.origin}{path}",
            headers={**PROXY, "X-Forwarded-Prefix": self.prefix, **who},
            data=data,
            json=json,
            allow_redirects=False,
            timeout=60,
        )
        if self.cookie:
            for one in answer.raw.headers.getlist("Set-Cookie"):
                assert f"; Path={PREFIX};" in f"{one};"
                self.cookie = one.split(";")[0]
        return answer

    def log_in(self, wanted: str) -> requests.Response:
        """Fill in the form to which who asks for `wanted` is sent; the cookie is kept."""
        self.cookie = "none=1"
        form = self.ask(inside(self.ask(wanted).headers["Location"]))
        following = re.search(r'name="next" value="([^"]+)"', form.text)
        assert following
        sent = {"csrf_token": token_in(form), "password": PASSWORD, "next": following[1]}
        return self.ask("/login", "POST", data=sent)


@pytest.fixture(scope="module")
def proxied(shared_console: Console) -> Iterator[Console]:
    with opened(shared_console.home, PROXIED) as console:
        yield console


@pytest.fixture
def below(proxied: Console) -> Iterator[Below]:
    with served(proxied.app, "127.0.0.1") as origin:
        yield Below(origin)


def inside(address: str) -> str:
    """Return an address without the prefix, which it must have."""
    path = urlsplit(address).path
    assert path.startswith(f"{PREFIX}/"), address
    return address.removeprefix(PREFIX)


def token_in(page: requests.Response) -> str:
    found = re.search(r'name="csrf-token" content="([^"]+)"', page.text)
    assert found
    return found[1]


def keeps_to_the_policy(page: str, path: str) -> None:
    """Assert that nothing is inline, no script, style or handler, and nothing from elsewhere."""
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == [], path
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == [], path
    loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"([^\"]+)", page)
    assert all(one.startswith(f"{PREFIX}/maintenance/static/") for one in loaded), path


def test_every_address_of_every_page_stays_below_the_path(console: Console, below: Below) -> None:
    below.log_in("/maintenance")
    token = token_in(below.ask("/maintenance"))
    started = below.ask(f"{API}/run", "POST", json={"tasks": [STI], "wait": 0}, token=token)
    status_url = inside(started.json()["status_url"])
    assert status_url.startswith(f"{API}/runs/")
    run_id = status_url.rsplit("/", 1)[1]
    report_id = console.follow(run_id)["report_id"]
    missing = "/maintenance/nothing"
    waiting, seen = ["/maintenance", f"/maintenance/runs/{run_id}", missing], set[str]()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = below.ask(path)
        assert answer.status_code in ({404} if path == missing else {200, 302}), path
        if answer.headers["Content-Type"].startswith("text/html"):
            keeps_to_the_policy(answer.text, path)
        found = [answer.headers["Location"]] if answer.status_code == 302 else []
        found += map(html.unescape, ADDRESS.findall(answer.text))
        for one in found:
            if not one.startswith(ELSEWHERE):
                path = inside(one)
                is_new = path not in {*seen, *waiting}
                is_action = re.search(
                    r"/(run|promote|restore|add|remove|refresh|leave|preview)$", path
                )
                waiting += [path] if is_new and not is_action else []
    assert f"/maintenance/reports/{report_id}" in seen
    names = {path.split("?")[0].split("/maintenance_")[0] for path in seen}
    assert {
        "/maintenance",
        "/maintenance/live",
        "/maintenance/reports",
        f"/maintenance/runs/{run_id}",
        "/maintenance/backups",
        "/maintenance/history/sti_constituents",
        "/maintenance/events",
        "/maintenance/watchlist",
        "/maintenance/apply",
        "/maintenance/static/console.css",
        "/maintenance/static/console.js",
    } <= names


def test_the_script_and_the_style_have_no_address_of_their_own(below: Below) -> None:
    script = below.ask("/maintenance/static/console.js").text
    assert re.findall(r"fetch\((.*?),", script) == ["container.dataset.live", "address"]
    assert "url(" not in below.ask("/maintenance/static/console.css").text


def test_redirects_and_the_cookie_stay_below_the_path(below: Below) -> None:
    assert below.ask("/").headers["Location"] == f"{PREFIX}/maintenance"
    assert below.ask("/maintenance/").headers["Location"] == f"{PREFIX}/maintenance"
    entered = below.log_in("/maintenance/reports?status=failed")
    assert (entered.status_code, entered.headers["Location"]) == (
        303,
        f"{PREFIX}/maintenance/reports?status=failed",
    )
    page = below.ask("/maintenance/watchlist")
    sent = {"csrf_token": token_in(page), "symbols": "AAPL"}
    added = below.ask("/maintenance/watchlist/add", "POST", data=sent)
    assert added.status_code == 303, added.text
    assert added.headers["Location"] == f"{PREFIX}/maintenance/watchlist"
    left = below.ask("/login/leave", "POST", data=sent)
    assert left.headers["Location"] == f"{PREFIX}/login"


def test_the_api_names_addresses_below_the_path(below: Below) -> None:
    below.cookie = "none=1"
    refused = below.ask(f"{API}/run", "POST", json={})
    assert refused.status_code == 401
    assert f"log in at {PREFIX}/login" in refused.json()["error"]["message"]
    below.cookie = ""
    assert below.ask("/api/openapi.json").json()["servers"] == [{"url": PREFIX}]
    below.prefix = ""
    assert "servers" not in below.ask("/api/openapi.json").json()


def test_the_word_of_anyone_but_the_proxy_is_dropped(proxied: Console) -> None:
    sent = {"X-Forwarded-Prefix": "/elsewhere", **basic(PASSWORD)}
    for trusted in ("192.0.2.77", None):
        with served(proxied.app, trusted) as origin:
            answer = requests.get(
                f"{origin}/maintenance", headers=sent, timeout=30, allow_redirects=False
            )
            assert answer.status_code == 200
            assert "/elsewhere" not in answer.text + str(answer.headers)
            assert "; Path=/;" in f"{answer.headers['Set-Cookie']};"


@pytest.mark.parametrize("prefix", ["", "/", "/outer, /"])
def test_a_proxy_without_a_path_serves_the_root(below: Below, prefix: str) -> None:
    below.prefix = prefix
    assert below.ask("/").headers["Location"] == "/maintenance"


@pytest.mark.parametrize("prefix", ["/ops/", "/a,/ops", "/ops"])
def test_the_last_path_counts_without_its_slash(below: Below, prefix: str) -> None:
    below.prefix = prefix
    assert below.ask("/").headers["Location"] == "/ops/maintenance"


@pytest.mark.parametrize(
    "prefix",
    ["//evil.example", "ops", "/a/../b", "/..", "/a//b", "/a b", '/"x', "https://x", "/%2e"],
)
def test_a_path_that_would_lead_away_is_refused(below: Below, prefix: str) -> None:
    below.prefix = prefix
    answer = below.ask("/maintenance")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert "X-Forwarded-Prefix" in answer.json()["error"]["message"]
    assert "evil" not in answer.text


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
HOST = b"Host: 127.0.0.1\r\n"
REFUSED = {
    "a body that is too large": (b"Content-Length: %d\r\n\r\n" % READ_BYTES, 413, "too_large"),
    "a length that is none": (b"Content-Length: ten\r\n\r\n", 400, "bad_request"),
    "headers that are too long": (
        b"X-Long: %s\r\n\r\n" % (b"x" * 300_000),
        431,
        "headers_too_large",
    ),
    "a header that is none": (b"no header\r\n\r\n", 400, "bad_request"),
    "chunks that are none": (CHUNKED + b"ZZZ\r\nabc\r\n", 400, "bad_request"),
    "another coding": (b"Transfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
    "chunks beyond the limit": (
        CHUNKED + (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * (READ_BYTES // 0x10000 + 1),
        413,
        "too_large",
    ),
}


def exchanged(origin: str, content: bytes) -> tuple[list[str], bytes]:
    """Return the headers and the body that come back for these bytes."""
    with socket.create_connection((urlsplit(origin).hostname, urlsplit(origin).port), 30) as sock:
        sock.sendall(content)
        sock.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode().split("\r\n"), body


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_server_itself_refuses_has_the_one_error_shape(below: Below, name: str) -> None:
    content, status, code = REFUSED[name]
    begin = b"POST /api/maintenance/run HTTP/1.1\r\n" + HOST
    headers, body = exchanged(below.origin, begin + content)
    assert headers[0].split()[1] == str(status)
    error = json.loads(body)["error"]
    assert (list(error), error["code"]) == (["code", "message", "detail"], code)
    assert error["message"].endswith("Nothing was started.")
    names = [line.split(":")[0].lower() for line in headers[1:]]
    assert len(names) == len(set(names))
    assert {"content-type: application/json", "cache-control: no-store"} <= {
        line.lower() for line in headers
    }
    assert "x-content-type-options" in names
    assert requests.get(f"{below.origin}/metrics", headers=basic(PASSWORD), timeout=30).ok


def test_who_is_still_sending_gets_the_answer(below: Below) -> None:
    """A connection that is closed with bytes unread is reset, and its answer lost."""
    for _ in range(3):
        answer = requests.post(f"{below.origin}{API}/run", data=b"x" * (4 * READ_BYTES), timeout=30)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_header_of_the_proxy_that_cannot_be_read_is_refused_in_our_shape(below: Below) -> None:
    answer = requests.get(
        f"{below.origin}/metrics", headers={"X-Forwarded-Proto": "gopher"}, timeout=30
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
