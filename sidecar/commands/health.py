"""`sidecar health`: what a running sidecar knows, as a table."""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from typing import Any, cast

from sidecar.config import ConfigError, load
from sidecar.config.errors import one_line
from sidecar.health import HealthDocument, Status

_TIMEOUT_SECONDS = 5.0
_MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
_EXIT_STATUS = {Status.HEALTHY: 0, Status.DEGRADED: 1, Status.UNHEALTHY: 2}
_DEFAULT_LISTEN = "127.0.0.1:9747"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks the sidecar itself: no proxy has a way to this machine's own addresses."""


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser(
        "health", help="print the health document as a table; exit status 0 healthy, 1 degraded, 2 otherwise"
    )
    parser.add_argument(
        "--url", metavar="URL", help="of the sidecar; by default the configuration's, on this machine"
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="ask only whether the sidecar itself lives, whatever its dependencies do; exit status 0 or 1",
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    url = arguments.url or f"http://{_listen()}"
    if arguments.live:
        return _tell_whether_it_lives(url.rstrip("/"))
    try:
        document = _fetch(url.rstrip("/"))
        lines = _table(document)
        status = _EXIT_STATUS[Status(document["status"])]
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
        _tell_no_answer("health document", url, error)
        return 2
    # A worker can write any name into the spool; none of them may steer the terminal.
    print("\n".join(map(one_line, lines)))  # noqa: T201
    return status


def _listen() -> str:
    """Where a sidecar with this configuration serves; the variable's word where there is something wrong."""
    try:
        return str(load(os.environ).listen)
    except ConfigError:
        return os.environ.get("SIDECAR_LISTEN", "").strip() or _DEFAULT_LISTEN


def _tell_whether_it_lives(url: str) -> int:
    """For whoever restarts what is unhealthy: a dependency that is down is no reason to."""
    try:
        with _open(f"{url}/healthz"):
            return 0
    except (OSError, HTTPException, ValueError) as error:
        _tell_no_answer("answer", url, error)
        return 1


def _tell_no_answer(what: str, url: str, error: Exception) -> None:
    reason = one_line(str(getattr(error, "reason", None) or error).strip())
    print(f"no {what} from {url}: {reason}; is the sidecar running?", file=sys.stderr)  # noqa: T201


def _open(url: str) -> HTTPResponse:
    if not url.startswith(("http://", "https://")):
        raise ValueError("the URL must begin with http:// or https://")
    return cast("HTTPResponse", _OPENER.open(url, timeout=_TIMEOUT_SECONDS))


def _fetch(url: str) -> HealthDocument:
    answer: HTTPResponse | urllib.error.HTTPError
    try:
        answer = _open(f"{url}/api/health/status")
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
