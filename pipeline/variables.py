"""Kinds of variables that only the settings have: models, names, a file of text, a MongoDB URI."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.environment import EnvironmentReader
from pipeline.mongodb_uri import is_understood
from pipeline.prices import OverridesError, Prices, read_overrides

_MAX_SHOWN_CHARS: Final = 80
_MONGODB_URI: Final = re.compile(r"mongodb(\+srv)?://([^\s/?@]*@)?[^\s/?@]+([/?]\S*)?")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


class Variables(EnvironmentReader):
    """As `EnvironmentReader`: what is wrong is in `problems`, and reads as an empty text."""

    def path(self, key: str) -> Path | None:
        value = self.text(key)
        return None if value is None else Path(value)

    def mongodb_uri(self, key: str) -> str | None:
        """A secret too: a URI may carry a password."""
        value = self.optional_secret(key)
        if not value:
            return value
        if not _MONGODB_URI.fullmatch(value):
            return self.refuse(
                key,
                "(value not shown)",
                "is no MongoDB URI with a host",
                "write it like mongodb://host:27017",
            )
        if not is_understood(value):
            return self.refuse(
                key,
                "(value not shown)",
                "is not understood by the driver",
                "percent-encode user and password, check port, options and files",
            )
        return value

    def prices(self, key: str) -> Prices:
        """The user's own prices, from the file that the variable names; none where it is not set."""
        path = self.path(key)
        if path is None:
            return Prices()
        try:
            return Prices(read_overrides(path))
        except OverridesError as error:
            self.problems += [f"{key}: {problem}" for problem in error.problems]
            return Prices()

    def model_name(self, key: str, *, default: str, listed_at: str) -> str:
        value = self.text(key)
        if value is None:
            return default
        if not value.isprintable() or any(character.isspace() for character in value):
            return self.refuse(
                key, _shown(value), "is no model name", f"take one from {listed_at}, as {default}"
            )
        return value

    def names(self, key: str, *, known: Sequence[str]) -> tuple[str, ...]:
        """Some of `known` in an order of the user's, separated by commas; all of them where it is not set."""
        value = self.text(key)
        if value is None:
            return tuple(known)
        names = tuple(name.strip() for name in value.split(","))
        wrong = next((name for name in names if name not in known), None)
        if wrong is not None:
            self.refuse(key, _shown(wrong), "is none of them", f"take some of {', '.join(known)}")
        elif len(set(names)) < len(names):
            self.refuse(key, _shown(value), "names one of them twice", "name each once")
        return names

    def name(self, key: str, *, default: str) -> str:
        """A name of letters, digits, `_` and `-`, as of a database."""
        value = self.text(key)
        if value is None:
            return default
        if not _NAME.fullmatch(value):
            return self.refuse(
                key, _shown(value), "is no name of letters, digits, _ or -", f"take one like {default}"
            )
        return value

    def text_in_file(self, key: str, *, what: str, max_bytes: int, remedy: str) -> str:
        """The text of the file that the variable names; `what` it should hold is for the message."""
        path = self.text(key)
        if path is None:
            return self.refuse(key, "", "is not set", remedy)
        try:
            with Path(path).open("rb") as file:
                content = file.read(max_bytes + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no valid path"
            return self.refuse(key, _shown(path), f"cannot be read ({reason})", remedy)
        if len(content) > max_bytes:
            return self.refuse(key, _shown(path), f"is longer than {max_bytes} bytes", f"cut {what} down")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            return self.refuse(key, _shown(path), "is no UTF-8 text", f"save {what} as UTF-8 text")
        if not text.strip():
            return self.refuse(key, _shown(path), "is empty", f"put {what} into it")
        return text


def _shown(value: str) -> str:
    return repr(value if len(value) <= _MAX_SHOWN_CHARS else f"{value[:_MAX_SHOWN_CHARS]}…")
