from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.accept import accepts_gzip, choices
from sidecar.exposition import OPENMETRICS, TEXT, Format, choose_format

OM = "application/openmetrics-text"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html,application/xhtml+xml,*/*;q=0.8", TEXT),
        (OM, OPENMETRICS),
        (f"{OM}; version=1.0.0", OPENMETRICS),
        (f'{OM}; version="1.0.0"; charset=utf-8', OPENMETRICS),
        (f"{OM.upper()};VERSION=1.0.0", OPENMETRICS),
        ("application/*", OPENMETRICS),
        (f"{OM};q=0.3,text/plain;q=0.5", TEXT),
        (f"text/plain;q=0.3,{OM};q=0.5", OPENMETRICS),
        (f"text/plain,{OM}", TEXT),
        (f"{OM},text/plain", OPENMETRICS),
        (f"*/*, {OM}", OPENMETRICS),
        (f"{OM};q=0, */*", TEXT),
        ("text/plain;q=0, */*;q=0.1", OPENMETRICS),
        (f"{OM};version=2.0.0,text/plain;version=0.0.4;q=0.2", TEXT),
        (f"{OM};version=0.0.1", TEXT),
        (f"{OM};version=abc", TEXT),
        (f"{OM};version=", TEXT),
        (f'{OM};version="1.0.0', TEXT),
        (f"{OM};q=two, text/plain", TEXT),
        ("text/plain;q=0", TEXT),
        ("image/png", TEXT),
        (",;,=;q", TEXT),
    ],
)
def test_the_format_is_the_one_that_is_accepted_most(accept: str, form: Format) -> None:
    assert choose_format(accept) is form


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0.001", True),
        ("", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("gzipped", False),
    ],
)
def test_gzip_is_for_who_accepts_it(accept_encoding: str, accepted: bool) -> None:
    assert accepts_gzip(accept_encoding) is accepted


@given(st.text(st.sampled_from('a/*;=q01.,"\\ \t'), max_size=40))
def test_no_header_is_an_error(header: str) -> None:
    assert all(0 <= choice.quality <= 1 for choice in choices(header))
    assert choose_format(header) in {TEXT, OPENMETRICS}


def test_quotes_that_are_never_closed_are_looked_at_once() -> None:
    """Beginning anew at each of them would take minutes, in which nobody else is served."""
    began = time.process_time()
    assert len(choices('"' + '\\"' * 100_000)) <= 1
    assert time.process_time() - began < 5
