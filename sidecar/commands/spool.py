"""`sidecar spool`: what is in a spool, who lives, what was set aside, how large it is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from sidecar.commands.options import add_config_option, load_config
from sidecar.config import ConfigError
from sidecar.spool.survey import FileGroup, Survey, survey
from sidecar.streams import one_line, print_result


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory", nargs="?", type=Path, metavar="DIR", help="by default the one of the configuration"
    )
    add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(command=run, listen=None)


def run(arguments: argparse.Namespace) -> int:
    directory = arguments.directory or load_config(arguments).spool
    if directory is None:
        raise ConfigError(("spool: none is configured; set SIDECAR_SPOOL, or name a directory",))
    try:
        found = survey(directory)
    except OSError as error:
        raise ConfigError((f"spool {directory}: {error.strerror}; name the directory of a spool",)) from error
    # A worker can write any name into the spool; none of them may steer the terminal.
    lines = [json.dumps(asdict(found), indent=2)] if arguments.json else map(one_line, _table(found))
    print_result("\n".join(lines))
    return 0


def _table(found: Survey) -> Iterator[str]:
    states = list(found.workers.values())
    count = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states))) or "none"
    yield f"spool {found.directory}: {_size(found.bytes_on_disk)} on disk; workers: {count}"
    yield f"merged: {_described(found.merged)}, generation {found.generation or 'none'}"
    yield f"of the dead, moved aside and not merged yet: {_described(found.waiting)}"
    if found.files_by_worker:
        yield ""
        rows = [("WORKER", "STATE", "FILES", "SERIES", "SIZE")]
        for worker, group in found.files_by_worker.items():
            state = found.workers[worker]
            rows.append((worker, state, str(group.files), str(group.series), _size(group.bytes)))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    if found.unreadable:
        yield ""
        yield from (f"unreadable: {name}: {problem}" for name, problem in found.unreadable.items())
    if found.set_aside:
        yield ""
        yield from (f"set aside: bad/{name}" for name in found.set_aside)


def _described(group: FileGroup) -> str:
    return f"{group.files} files, {group.series} series, {_size(group.bytes)}"


def _size(count: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count} {unit}"
        count = round(count / 1024)
    return f"{count} GiB"
