from __future__ import annotations

import pytest

from sidecar.probes import ProbeFailure, Reason
from sidecar.probes.exchange import Answer, Request
from sidecar.probes.exchange.redirects import following

SECRETS = {"Authorization": "s3cr3t", "Cookie": "s3cr3t", "X-Api-Key": "s3cr3t", "Host": "other"}
REQUEST = Request("https://one.example/a?q", headers={**SECRETS, "Accept": "text/plain"})


def redirect(location: str | None, status: int = 302, request: Request = REQUEST) -> Request | None:
    return following(Answer(status, {} if location is None else {"location": location}, b""), request)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b", "https://one.example/b"),
        ("b?c", "https://one.example/b?c"),
        ("//two.example/b", "https://two.example/b"),
        ("HTTPS://one.example:443/b", "https://one.example:443/b"),
    ],
)
def test_a_location_may_be_relative(location: str, url: str) -> None:
    following = redirect(location)
    assert following is not None
    assert following.url.lower() == url


@pytest.mark.parametrize("location", ["https://one.example/b", "/b", "https://one.example:443/b"])
def test_the_same_origin_gets_every_header(location: str) -> None:
    following = redirect(location)
    assert following is not None
    assert following.headers == REQUEST.headers


@pytest.mark.parametrize(
    "location", ["http://one.example/b", "https://one.example:8443/b", "https://two.example/"]
)
def test_another_origin_gets_no_header_that_may_be_secret(location: str) -> None:
    following = redirect(location)
    assert following is not None
    assert following.headers == {"Accept": "text/plain"}


@pytest.mark.parametrize(
    "location",
    [
        "ftp://one.example/",
        "file:///etc/passwd",
        "https://@/",
        "https://h:99999/",
        "https://a b/",
        "javascript:x",
    ],
)
def test_a_location_that_is_no_http_is_protocol(location: str) -> None:
    with pytest.raises(ProbeFailure) as failed:
        redirect(location)
    assert failed.value.reason is Reason.PROTOCOL


@pytest.mark.parametrize(("status", "location"), [(302, None), (200, "/b"), (304, "/b")])
def test_what_is_no_redirect_is_an_answer(status: int, location: str | None) -> None:
    assert redirect(location, status) is None


@pytest.mark.parametrize(
    ("status", "method", "kept"),
    [(303, "GET", b""), (302, "GET", b""), (307, "POST", b"x"), (308, "POST", b"x")],
)
def test_method_and_body_are_kept_where_the_status_says_so(status: int, method: str, kept: bytes) -> None:
    posted = Request("https://one.example/", "POST", {"Content-Type": "text/plain"}, b"x")
    following = redirect("/b", status, posted)
    assert following is not None
    assert (following.method, following.body) == (method, kept)
    assert ("Content-Type" in following.headers) == bool(kept)


def test_a_body_goes_to_no_other_origin() -> None:
    with pytest.raises(ProbeFailure) as failed:
        redirect("https://two.example/", 307, Request("https://one.example/", "POST", {}, b"s3cr3t"))
    assert failed.value.reason is Reason.PROTOCOL
