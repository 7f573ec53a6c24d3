"""The web client against a real server that misbehaves in every way a source has."""

import gzip
import threading
import time
from email.utils import format_datetime

import pytest

from tws_maintenance.config.settings import HttpSettings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import SourceRefused, SourceUnreachable
from tws_maintenance.sources.model import KnownCopy
from tws_maintenance.sources.web import WebClient
from tws_maintenance_tests.sources.faulty_server import (
    Answer,
    Endless,
    FaultyServer,
    Reply,
    hang_up,
    silence,
    trickle_body,
)

PATIENCE_SECONDS = 30.0
GZIP = {"Content-Encoding": "gzip"}
FAULTS = [408, 425, 429, 500, 502, 503, 504]


def client(server: FaultyServer, seconds: float = PATIENCE_SECONDS, **changes: object) -> WebClient:
    """Return a client of `server` without pauses, with `changes` to the settings."""
    settings = HttpSettings.model_validate(
        {"wikipedia_url": server.origin, "backoff": 0, "read_timeout": 5, **changes}
    )
    return WebClient(settings, server.origin, until=time.monotonic() + seconds)


def test_an_answer_is_kept_with_its_bytes_its_address_and_its_marks(faulty: FaultyServer) -> None:
    marks = {"ETag": '"one"', "Last-Modified": "Sun, 10 May 2026 05:37:28 GMT", "Date": "today"}
    faulty.script["/list"] = [Reply(b"the list", headers=marks)]

    before = utc_now()
    raw = client(faulty).get(f"{faulty.origin}/list")

    assert raw.content == b"the list"
    assert (raw.url, raw.status, raw.sha256) == (
        f"{faulty.origin}/list",
        200,
        sha256(b"the list"),
    )
    assert (raw.etag, raw.last_modified, raw.served_at) == tuple(marks.values())
    assert before <= raw.fetched_at <= utc_now()


def test_the_user_agent_names_the_program_and_a_contact(faulty: FaultyServer) -> None:
    faulty.script["/list"] = [Reply()]

    client(faulty, contact="mailto:operator@example.org").get(f"{faulty.origin}/list")

    agent = faulty.requests[0].headers["User-Agent"]
    assert agent.startswith("tws-maintenance/")
    assert agent.endswith(" (mailto:operator@example.org)")


def test_a_compressed_answer_is_unpacked(faulty: FaultyServer) -> None:
    faulty.script["/list"] = [Reply(gzip.compress(b"the list"), headers=GZIP)]

    assert client(faulty).get(f"{faulty.origin}/list").content == b"the list"


def test_an_answer_in_chunks_is_put_together(faulty: FaultyServer) -> None:
    chunks = b"4\r\nthe \r\n4\r\nlist\r\n0\r\n\r\n"
    faulty.script["/list"] = [
        Reply(chunks, headers={"Transfer-Encoding": "chunked"}, has_length=False)
    ]

    assert client(faulty).get(f"{faulty.origin}/list").content == b"the list"


def test_a_known_copy_stands_for_an_unchanged_page(faulty: FaultyServer) -> None:
    faulty.script["/list"] = [Reply(b"", 304, headers={"ETag": '"two"'}, has_length=False)]
    known = KnownCopy(b"as last time", '"two"', "Sun, 10 May 2026 05:37:28 GMT")

    raw = client(faulty).get(f"{faulty.origin}/list", known)

    asked = faulty.requests[0].headers
    assert asked["If-None-Match"] == '"two"'
    assert asked["If-Modified-Since"] == "Sun, 10 May 2026 05:37:28 GMT"
    assert (raw.status, raw.content, raw.sha256) == (304, b"as last time", sha256(b"as last time"))


def test_an_unchanged_page_keeps_the_marks_that_its_304_does_not_repeat(
    faulty: FaultyServer,
) -> None:
    faulty.script["/list"] = [Reply(b"", 304, has_length=False)]

    raw = client(faulty).get(f"{faulty.origin}/list", KnownCopy(b"old", '"two"', "yesterday"))

    assert (raw.etag, raw.last_modified) == ('"two"', "yesterday")


def test_a_304_that_nobody_asked_for_is_refused(faulty: FaultyServer) -> None:
    faulty.script["/list"] = [Reply(b"", 304, has_length=False)]

    with pytest.raises(SourceRefused, match="refused with HTTP 304"):
        client(faulty).get(f"{faulty.origin}/list")


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 451, 501])
def test_a_final_answer_is_asked_for_exactly_once(faulty: FaultyServer, status: int) -> None:
    faulty.script["/list"] = [Reply(b"no", status)]

    with pytest.raises(SourceRefused, match=f"refused with HTTP {status}") as caught:
        client(faulty).get(f"{faulty.origin}/list")

    assert faulty.paths == ["/list"]
    assert caught.value.status == status


@pytest.mark.parametrize("status", FAULTS)
def test_a_fault_that_passes_is_asked_again(faulty: FaultyServer, status: int) -> None:
    faulty.script["/list"] = [Reply(b"sorry", status), Reply(b"the list")]

    assert client(faulty).get(f"{faulty.origin}/list").content == b"the list"
    assert faulty.paths == ["/list", "/list"]


def test_a_fault_that_stays_is_asked_as_often_as_the_setting_says(faulty: FaultyServer) -> None:
    faulty.script["/list"] = [Reply(b"sorry", 500)]

    with pytest.raises(SourceUnreachable, match="answered HTTP 500") as caught:
        client(faulty, attempts=2).get(f"{faulty.origin}/list")

    assert faulty.paths == ["/list", "/list"]
    assert caught.value.status == 500


def test_a_short_pause_that_the_source_asks_for_is_kept(faulty: FaultyServer) -> None:
    faulty.script["/list"] = [Reply(b"", 429, {"Retry-After": "1"}), Reply(b"the list")]

    assert client(faulty).get(f"{faulty.origin}/list").content == b"the list"
    first, second = faulty.requests
    assert second.at - first.at >= 1.0


def test_a_pause_over_the_limit_is_not_waited_for_but_named(faulty: FaultyServer) -> None:
    faulty.script["/list"] = [Reply(b"", 429, {"Retry-After": "3600"})]

    with pytest.raises(SourceUnreachable) as caught:
        client(faulty, retry_after_limit=10).get(f"{faulty.origin}/list")

    assert faulty.paths == ["/list"]
    assert str(caught.value) == (
        "answered HTTP 429 Too Many Requests; it asks for a pause of 3600 s, more than the 10 s "
        "that a run waits. Run again after that"
    )


def test_a_pause_that_ends_after_the_deadline_is_not_begun(faulty: FaultyServer) -> None:
    faulty.script["/list"] = [Reply(b"", 503, {"Retry-After": "9"})]

    with pytest.raises(SourceUnreachable, match="answered HTTP 503"):
        client(faulty, seconds=5).get(f"{faulty.origin}/list")

    assert faulty.paths == ["/list"]


def test_a_date_that_is_past_is_no_pause(faulty: FaultyServer) -> None:
    past = {"Retry-After": "Sun, 10 May 2026 05:37:28 GMT"}
    faulty.script["/list"] = [Reply(b"", 429, past), Reply(b"the list")]

    assert client(faulty).get(f"{faulty.origin}/list").content == b"the list"


def test_a_date_that_is_far_away_is_named_as_a_pause(faulty: FaultyServer) -> None:
    next_year = utc_now().replace(year=utc_now().year + 1, day=1)
    faulty.script["/list"] = [
        Reply(b"", 429, {"Retry-After": format_datetime(next_year, usegmt=True)})
    ]

    with pytest.raises(SourceUnreachable, match=r"asks for a pause of \d{8} s"):
        client(faulty).get(f"{faulty.origin}/list")

    assert faulty.paths == ["/list"]


@pytest.mark.parametrize("value", ["soon", "-5", "", "1.5"])
def test_a_pause_that_cannot_be_read_is_as_none(faulty: FaultyServer, value: str) -> None:
    faulty.script["/list"] = [Reply(b"", 429, {"Retry-After": value}), Reply(b"the list")]

    assert client(faulty).get(f"{faulty.origin}/list").content == b"the list"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(silence, "no answer within 0.1 s", id="silence"),
        pytest.param(hang_up, "the connection failed: ", id="hung up"),
        pytest.param(Reply(b"half", claimed_length=100), "the connection failed: ", id="truncated"),
        pytest.param(Reply(b""), "the answer is empty", id="empty"),
        pytest.param(Reply(b" \n\n "), "the answer is empty", id="blank"),
        pytest.param(
            Reply(b"4\r\nhalf\r\n", headers={"Transfer-Encoding": "chunked"}, has_length=False),
            "the connection failed: ",
            id="no last chunk",
        ),
        pytest.param(
            Reply(b"not compressed", headers=GZIP),
            "the compressed answer is damaged",
            id="broken gzip",
        ),
        pytest.param(
            Reply(gzip.compress(b"the list")[:-9], headers=GZIP, claimed_length=99),
            "the connection failed: ",
            id="truncated gzip",
        ),
    ],
)
def test_a_broken_answer_is_a_fault_that_may_pass(
    faulty: FaultyServer, answer: Answer, message: str
) -> None:
    faulty.script["/list"] = [answer, Reply(b"the list")]
    faulty.script["/gone"] = [answer]

    patient = client(faulty, read_timeout=0.1, attempts=2)

    assert patient.get(f"{faulty.origin}/list").content == b"the list"
    with pytest.raises(SourceUnreachable) as caught:
        patient.get(f"{faulty.origin}/gone")
    assert str(caught.value).startswith(message)
    assert "0x" not in str(caught.value)
    assert faulty.paths == ["/list", "/list", "/gone", "/gone"]


@pytest.mark.services
def test_a_port_where_nobody_listens_is_unreachable(faulty: FaultyServer) -> None:
    closed = FaultyServer()
    origin = closed.origin
    closed._server.server_close()

    with pytest.raises(SourceUnreachable, match=r"the connection failed: .*refused"):
        WebClient(
            HttpSettings(wikipedia_url=origin, attempts=1), origin, until=time.monotonic() + 5
        ).get(f"{origin}/list")
    assert faulty.paths == []


def test_an_answer_that_trickles_in_is_left_at_the_deadline(faulty: FaultyServer) -> None:
    faulty.script["/list"] = [trickle_body]

    with pytest.raises(SourceUnreachable, match="arrived too slowly"):
        client(faulty, seconds=0.3).get(f"{faulty.origin}/list")

    assert faulty.paths == ["/list"]


def test_nothing_is_asked_after_the_deadline(faulty: FaultyServer) -> None:
    faulty.script["/list"] = [Reply()]

    with pytest.raises(SourceUnreachable, match="not asked again: the limit of 45 s is over"):
        client(faulty, seconds=0).get(f"{faulty.origin}/list")

    assert faulty.paths == []


def test_an_answer_without_end_is_read_up_to_the_limit_and_asked_for_once(
    faulty: FaultyServer,
) -> None:
    is_hung_up = threading.Event()
    faulty.script["/list"] = [Endless(is_hung_up)]

    with pytest.raises(SourceRefused, match=r"larger than 0\.5 MB .* It was not read further"):
        client(faulty, max_megabytes=0.5).get(f"{faulty.origin}/list")

    assert is_hung_up.wait(PATIENCE_SECONDS)
    assert faulty.paths == ["/list"]


def test_a_gzip_bomb_is_unpacked_only_up_to_the_limit(faulty: FaultyServer) -> None:
    bomb = gzip.compress(bytes(1 << 25))
    assert len(bomb) < 1 << 16
    faulty.script["/list"] = [Reply(bomb, headers=GZIP)]

    with pytest.raises(SourceRefused, match=r"larger than 0\.25 MB after decompression"):
        client(faulty, max_megabytes=0.25).get(f"{faulty.origin}/list")

    assert faulty.paths == ["/list"]


def test_an_answer_of_exactly_the_limit_is_read(faulty: FaultyServer) -> None:
    faulty.script["/list"] = [Reply(b"x" * (1 << 20))]

    assert len(client(faulty, max_megabytes=1).get(f"{faulty.origin}/list").content) == 1 << 20


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_source_is_followed_and_its_end_recorded(
    faulty: FaultyServer, status: int
) -> None:
    faulty.script["/old"] = [Reply(b"", status, {"Location": "/new?x=1"})]
    faulty.script["/new?x=1"] = [Reply(b"the list")]

    raw = client(faulty).get(f"{faulty.origin}/old")

    assert (raw.url, raw.content) == (f"{faulty.origin}/new?x=1", b"the list")
    assert faulty.paths == ["/old", "/new?x=1"]


def test_the_body_of_a_redirect_is_not_read(faulty: FaultyServer) -> None:
    is_hung_up = threading.Event()
    faulty.script["/old"] = [Endless(is_hung_up, 302, {"Location": "/new"})]
    faulty.script["/new"] = [Reply(b"the list")]

    assert client(faulty, max_megabytes=0.1).get(f"{faulty.origin}/old").content == b"the list"
    assert is_hung_up.wait(PATIENCE_SECONDS)


@pytest.mark.services
def test_a_redirect_to_another_server_is_refused_and_that_one_never_contacted(
    faulty: FaultyServer,
) -> None:
    with FaultyServer() as other:
        other.script["/list"] = [Reply(b"a trap")]
        faulty.script["/list"] = [Reply(b"", 302, {"Location": f"{other.origin}/list"})]

        with pytest.raises(
            SourceRefused, match=r"redirected to .* Nothing was read from there"
        ) as caught:
            client(faulty).get(f"{faulty.origin}/list")
        assert caught.value.status == 302

        assert other.paths == []
    assert faulty.paths == ["/list"]


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:{port}/new",
        "//example.invalid/new",
        "https://en.wikipedia.org.example.invalid/",
        "file:///etc/hostname",
        "http://127.0.0.1:notaport/new",
        "http://127.0.0.1:99999/new",
        "https://[broken/new",
        "javascript:alert(1)",
    ],
)
def test_a_redirect_to_anything_else_is_refused(faulty: FaultyServer, target: str) -> None:
    location = target.format(port=faulty.origin.rpartition(":")[2])
    faulty.script["/list"] = [Reply(b"", 302, {"Location": location})]
    faulty.script["/new"] = [Reply(b"a trap")]

    with pytest.raises(SourceRefused, match="not one of the hosts of this source"):
        client(faulty).get(f"{faulty.origin}/list")

    assert faulty.paths == ["/list"]


def test_a_redirect_in_a_circle_ends(faulty: FaultyServer) -> None:
    faulty.script["/a"] = [Reply(b"", 302, {"Location": "/b"})]
    faulty.script["/b"] = [Reply(b"", 302, {"Location": "/a"})]

    with pytest.raises(SourceRefused, match=r"more than 5 redirects, the last one to .*/a"):
        client(faulty).get(f"{faulty.origin}/a")

    assert faulty.paths == ["/a", "/b"] * 3


def test_plain_http_beyond_this_machine_is_refused() -> None:
    origin = "http://example.invalid"
    careless = WebClient(HttpSettings(), origin, until=time.monotonic() + 5)

    with pytest.raises(SourceRefused, match=r"is not an https address of example\.invalid"):
        careless.get(f"{origin}/list")


def test_an_https_source_is_never_asked_over_plain_http(faulty: FaultyServer) -> None:
    strict = WebClient(
        HttpSettings(), faulty.origin.replace("http:", "https:"), until=time.monotonic() + 5
    )

    with pytest.raises(SourceRefused, match="is not an https address"):
        strict.get(f"{faulty.origin}/list")

    assert faulty.paths == []


@pytest.mark.services
def test_the_address_of_another_host_is_not_asked(faulty: FaultyServer) -> None:
    with FaultyServer() as other:
        with pytest.raises(SourceRefused, match=r"is not an https address of 127\.0\.0\.1"):
            client(faulty).get(f"{other.origin}/list")

        assert other.paths == []
