"""Where a running sidecar really listens: a small file in its spool tells `sidecar health`.

The configuration cannot tell it once it has been changed or broken, nor what the command line said, nor which
port 0 has become. The file's name is of the variables that both have been told the same by, so that sidecars
that share a spool are told apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sidecar.spool.disk import read_whole, write_file

_VARIABLES: Final = ("SIDECAR_CONFIG", "SIDECAR_LISTEN", "SIDECAR_NAME")
_SUFFIX: Final = ".address"
_MAX_BYTES: Final = 512


@contextmanager
def telling(url: str, spool: Path | None, environment: Mapping[str, str]) -> Iterator[None]:
    """Say so for as long as the context lasts, if there is a spool that can be written."""
    if spool is None:
        yield
        return
    file = _file(spool, environment)
    with suppress(OSError):
        write_file(file, url.encode())
    try:
        yield
    finally:
        if told(spool, environment) == url:
            with suppress(OSError):
                file.unlink()


def told(spool: Path, environment: Mapping[str, str]) -> str | None:
    """What the sidecar with these variables said last; it may have been killed since.

    Whoever has a place in the spool can write it. What is no `http:` address is not told: nobody is made to
    open a file by it.
    """
    try:
        content = read_whole(_file(spool, environment), _MAX_BYTES)
    except OSError:
        return None
    said = "" if content is None else content.decode(errors="replace")
    return said if said.startswith("http://") else None


def _file(spool: Path, environment: Mapping[str, str]) -> Path:
    said = "\0".join(environment.get(name, "").strip() for name in _VARIABLES)
    return spool / f"{hashlib.sha256(said.encode(errors='surrogateescape')).hexdigest()[:16]}{_SUFFIX}"
