"""What must hold for a value besides its type, whatever the kind of its dependency."""

from __future__ import annotations

import contextlib
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl, SecretStr, TypeAdapter, ValidationError

from sidecar.config.draft import DEPENDENCIES, Draft
from sidecar.config.errors import Key, shown
from sidecar.config.secret_fields import field_types

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110: token
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SPACE: Final = re.compile(r"[\x00-\x20\x7f\\]")
# What can be shown of a bad URL: nothing that could be a password or a token.
_ORIGIN: Final = re.compile(r"([A-Za-z]{1,12}://)?[A-Za-z0-9.-]{1,60}:[0-9]{1,6}(?=/|$)")
_HTTP_URL: Final = TypeAdapter(AnyHttpUrl)


def judge(draft: Draft) -> None:
    if draft.values.get("spool") == "":
        draft.complain(("spool",), "is not a path; give a directory's, or null for no spool")
    _judge_spool(draft)
    for link in ("prometheus_url", "grafana_url", "runbooks_url"):
        text = draft.values.get(link)
        if isinstance(text, str):
            _complain(draft, (link,), url_mistake(text, takes_headers=False))
    for name, options in draft.dependencies().items():
        fields = field_types(options.get("kind"))
        for field, types in fields.items():
            key: Key = (DEPENDENCIES, name, field)
            value = options.get(field)
            if AnyHttpUrl in types and isinstance(value, str):
                _complain(draft, key, url_mistake(value, takes_headers="headers" in fields))
            elif SecretStr in types and isinstance(value, dict):
                _judge_headers(draft, key, value)


def _judge_spool(draft: Draft) -> None:
    """It need not be there yet. Whether it can be read is a matter of who runs the sidecar."""
    spool = draft.values.get("spool")
    if isinstance(spool, str | Path):
        with contextlib.suppress(OSError, ValueError):
            if not stat.S_ISDIR(Path(spool).stat().st_mode):
                text = f"{shown(str(spool))} is no directory; give the one that the workers write to"
                draft.complain(("spool",), text)


def _complain(draft: Draft, key: Key, mistake: str | None) -> None:
    if mistake is not None:
        draft.complain(key, mistake)


def _judge_headers(draft: Draft, key: Key, headers: Mapping[str, object]) -> None:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            text = "is not a header's name; use letters, digits and -, and give the value after a colon"
            draft.complain((*key, name), text)
        elif isinstance(value, str) and _CONTROL.search(value):
            text = "the value has a line break or control character in it; remove it"
            draft.complain((*key, name), text)


def url_mistake(text: str, *, takes_headers: bool) -> str | None:
    """Say what is wrong with an HTTP URL, without what it may carry."""
    remedy = "send them as a header, such as headers.Authorization" if takes_headers else "remove them"
    if _SPACE.search(text):
        return "the value has a space, backslash or line break in it; remove it"
    scheme, separator, _ = text.partition("://")
    if not separator:
        return f"{_shown_url(text)} has no scheme; begin it with http:// or https://"
    if scheme.lower() not in {"http", "https"}:
        return f"{_shown_url(text)} is not HTTP; begin it with http:// or https://"
    if "@" in _authority(text):
        return f"the value has a user or password in it; {remedy}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return f"{_shown_url(text)} has a bad host or port; write it as https://host:443/path"
    if not parts.hostname or port == 0:
        return f"{_shown_url(text)} has no host or a bad port; write it as https://host:443/path"
    try:
        url = _HTTP_URL.validate_python(text)
    except ValidationError:
        return f"{_shown_url(text)} is not a URL; write it as https://host:443/path"
    if url.username or url.password:
        return f"the value has a user or password in it; {remedy}"
    return None


def _authority(url: str) -> str:
    return re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]


def _shown_url(text: str) -> str:
    origin = _ORIGIN.match(text)
    if origin:
        return f"'{origin.group()}'"
    scheme, separator, _ = text.partition("://")
    return f"'{scheme}://…'" if separator and re.fullmatch("[a-z+]{1,12}", scheme) else "the value"
