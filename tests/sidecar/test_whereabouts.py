from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from sidecar.whereabouts import telling, told

URL = "http://127.0.0.1:9747"


def test_sidecars_that_share_a_spool_are_told_apart(tmp_path: Path) -> None:
    one, other = {"SIDECAR_CONFIG": "/etc/one.yml"}, {"SIDECAR_CONFIG": "/etc/other.yml"}
    with telling(URL, tmp_path, one):
        assert told(tmp_path, other) is None
        with telling("http://127.0.0.1:9748", tmp_path, other):
            assert (told(tmp_path, one), told(tmp_path, other)) == (URL, "http://127.0.0.1:9748")
        assert told(tmp_path, one) == URL
    assert list(tmp_path.iterdir()) == []


def test_what_a_later_sidecar_says_outlives_the_one_before(tmp_path: Path) -> None:
    with ExitStack() as later:
        with telling(URL, tmp_path, {}):
            later.enter_context(telling("http://127.0.0.1:9748", tmp_path, {}))
        assert told(tmp_path, {}) == "http://127.0.0.1:9748"
    assert told(tmp_path, {}) is None


def test_what_is_no_address_of_a_server_is_not_told(tmp_path: Path) -> None:
    with telling(URL, tmp_path, {}):
        (file,) = tmp_path.iterdir()
    for said in (b"file:///etc", b"", b"127.0.0.1:9747", b"\xff", b"http://" + b"x" * 1000):
        file.write_bytes(said)
        assert told(tmp_path, {}) is None


def test_no_spool_and_none_that_can_be_written_keep_no_sidecar_from_its_work(tmp_path: Path) -> None:
    for spool in (None, tmp_path / "missing"):
        with telling(URL, spool, {}):
            assert spool is None or told(spool, {}) is None
