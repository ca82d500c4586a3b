"""`sidecar health`: what a running sidecar knows, as a table; or whether it lives.

Whoever asks `--live` asks every few seconds, and in the sidecar's own container: while the sidecar itself
says where it listens, the standard library is all that is loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, cast

from sidecar.streams import one_line, print_notice, print_result
from sidecar.whereabouts import told

if TYPE_CHECKING:
    from sidecar.health import HealthDocument

_TIMEOUT_SECONDS: Final = 5.0
_SAID_TIMEOUT_SECONDS: Final = 2.0
"""Where a sidecar said that it listens, and was killed, something else may be since, and be silent."""

_MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
_EXIT_STATUS: Final = {"healthy": 0, "degraded": 1, "unhealthy": 2}
_DEFAULT_LISTEN: Final = "127.0.0.1:9747"
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks the sidecar itself: no proxy has a way to this machine's own addresses."""

_NO_ANSWER: Final = (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError)
_Answer = TypeVar("_Answer")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url",
        metavar="URL",
        help="of the sidecar; by default where the one with these variables says that it listens",
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="ask only whether the sidecar itself lives, whatever its dependencies do; exit status 0 or 1",
    )
    parser.set_defaults(command=run, logs=False)


def run(arguments: argparse.Namespace) -> int:
    what, unreachable = ("answer", 1) if arguments.live else ("health document", 2)
    try:
        if arguments.live:
            _ask(arguments.url, _lives)
            return 0
        status, lines = _ask(arguments.url, _told_by_document)
    except _NoAnswerError as error:
        print_notice(f"no {what} from {error.url}: {error}; is the sidecar running?")
        return unreachable
    # A worker can write any name into the spool; none of them may steer the terminal.
    print_result("\n".join(map(one_line, lines)))
    return status


class _NoAnswerError(Exception):
    def __init__(self, url: str, error: Exception) -> None:
        super().__init__(one_line(str(getattr(error, "reason", None) or error).strip()))
        self.url = url


def _ask(url: str | None, ask: Callable[[str, float], _Answer]) -> _Answer:
    """Ask there; or else where the sidecar says that it listens, and then where it was told to.

    Args:
        url: where, if the user has said so.
        ask: given a URL and seconds, raises one of `_NO_ANSWER` if that is no answer.

    Raises:
        _NoAnswerError: nobody answers.
    """
    ends_at = time.monotonic() + _TIMEOUT_SECONDS
    said = None if url else _said(os.environ)
    if said is not None:
        with suppress(*_NO_ANSWER):
            return ask(said, _SAID_TIMEOUT_SECONDS)
    asked = (url or f"http://{_configured(os.environ)[0]}").rstrip("/")
    try:
        return ask(asked, max(ends_at - time.monotonic(), _SAID_TIMEOUT_SECONDS))
    except _NO_ANSWER as error:
        raise _NoAnswerError(asked, error) from error


def _said(environment: Mapping[str, str]) -> str | None:
    variable = environment.get("SIDECAR_SPOOL", "").strip()
    said = told(Path(variable), environment) if variable else None
    if said is not None:
        return said
    spool = _configured(environment)[1]
    return None if spool is None else told(spool, environment)


def _configured(environment: Mapping[str, str]) -> tuple[str, Path | None]:
    """Where the configuration says that it listens, and its spool, whatever is wrong with the rest."""
    if environment.get("SIDECAR_CONFIG", "").strip():
        from sidecar.config import listen_and_spool

        listen, configured_spool = listen_and_spool(environment)
        return str(listen), configured_spool
    spool = environment.get("SIDECAR_SPOOL", "").strip()
    return environment.get("SIDECAR_LISTEN", "").strip() or _DEFAULT_LISTEN, Path(spool) if spool else None


def _lives(url: str, timeout_seconds: float) -> None:
    """For whoever restarts what is unhealthy: a dependency that is down is no reason to."""
    with _open(f"{url}/healthz", timeout_seconds):
        pass


def _told_by_document(url: str, timeout_seconds: float) -> tuple[int, list[str]]:
    document = _fetch(url, timeout_seconds)
    return _EXIT_STATUS[document["status"]], _table(document)


def _open(url: str, timeout_seconds: float) -> HTTPResponse:
    if not url.startswith(("http://", "https://")):
        raise ValueError("the URL must begin with http:// or https://")
    return cast("HTTPResponse", _OPENER.open(url, timeout=timeout_seconds))


def _fetch(url: str, timeout_seconds: float) -> HealthDocument:
    answer: HTTPResponse | urllib.error.HTTPError
    try:
        answer = _open(f"{url}/api/health/status", timeout_seconds)
    except urllib.error.HTTPError as error:
        if error.code != 503:  # what an unhealthy sidecar answers, with the document
            raise
        answer = error
    with answer:
        return cast("HealthDocument", json.loads(answer.read(_MAX_DOCUMENT_BYTES)))


def _table(document: HealthDocument) -> list[str]:
    rows = [("DEPENDENCY", "STATUS", "REASON", "LATENCY", "LAST CHECK", "BREAKER")]
    for name, entry in document["dependencies"].items():
        latency, breaker = entry["latency_seconds"], entry["breaker"]
        rows.append(
            (
                name,
                entry["status"],
                entry["reason"] or "-",
                "-" if latency is None else f"{latency * 1000:.0f} ms",
                entry["last_checked_at"] or "never",
                "-" if breaker is None else breaker["state"],
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [f"{document['status']}: {document['summary']}", "", *(line.rstrip() for line in table)]
