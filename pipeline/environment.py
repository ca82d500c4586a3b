"""Reads environment variables and collects what is wrong with them, one line each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import SplitResult, urlsplit

_MAX_KEY_FILE_BYTES: Final = 4096
_MAX_SHOWN_CHARS: Final = 80
_HIDDEN: Final = "(value not shown)"

Choice = TypeVar("Choice", bound=StrEnum)


_TRUE: Final = ("true", "yes", "on", "1")
_FALSE: Final = ("false", "no", "off", "0")


class EnvironmentReader:
    """A variable that is empty counts as not set.

    One that is wrong is noted in `problems`, and reads as if it were not set, or as an empty text.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, key: str) -> str | None:
        return self._environment.get(key, "").strip() or None

    def secret(self, key: str, *, remedy: str) -> str:
        """The variable, or the content of the file that `<key>_FILE` names."""
        value, file_key = self.text(key), f"{key}_FILE"
        path = self.text(file_key)
        if value is not None and path is not None:
            return self.refuse(key, _HIDDEN, f"is set and so is {file_key}", "unset one of them")
        if path is not None:
            return self._secret_in_file(file_key, path)
        if value is None:
            return self.refuse(key, "", f"is not set, nor is {file_key}", remedy)
        return self._checked_secret(key, value)

    def optional_secret(self, key: str) -> str | None:
        """As `secret`; None where neither variable is set."""
        if self.text(key) is None and self.text(f"{key}_FILE") is None:
            return None
        return self.secret(key, remedy="")

    def url(self, key: str, *, default: str | None, allows_password: bool) -> str:
        value = self.text(key)
        if value is None:
            if default is not None:
                return default
            return self.refuse(
                key, "", "is not set", "set it to the service's address, such as http://localhost:3000"
            )
        remedy = "write it like http://host:3000"
        try:
            parts = urlsplit(value)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            return self.refuse(key, _HIDDEN, "is no URL", remedy)
        if not usable or not value.isprintable() or " " in value:
            return self.refuse(key, _shown(parts), "is no http or https URL with a host", remedy)
        if parts.query or parts.fragment:
            return self.refuse(
                key, _shown(parts), "has a query or a fragment", "leave out what follows ? or #"
            )
        if parts.username is not None and not allows_password:
            return self.refuse(
                key, _shown(parts), "carries a user or password", "leave out what stands before @"
            )
        return value.rstrip("/")

    def truth(self, key: str, *, default: bool) -> bool:
        value = self.text(key)
        if value is None:
            return default
        if value.lower() in _TRUE or value.lower() in _FALSE:
            return value.lower() in _TRUE
        self.refuse(key, _short(value), "is neither true nor false", "write true or false")
        return default

    def choice(self, key: str, kind: type[Choice]) -> Choice | None:
        value = self.text(key)
        if value is None:
            return None
        for member in kind:
            if value.lower() == member.value:
                return member
        names = ", ".join(member.value for member in kind)
        self.refuse(key, _short(value), f"is none of {names}", "write one of them")
        return None

    def number(
        self, key: str, *, above: float = -math.inf, least: float = -math.inf, most: float
    ) -> Decimal | None:
        """A number that is more than `above`, at least `least` and at most `most`; exactly as written."""
        value = self.text(key)
        if value is None:
            return None
        try:
            number = Decimal(value if len(value) <= _MAX_SHOWN_CHARS else "NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            self.refuse(key, _short(value), "is no number", "write it like 12.5")
        elif number <= above or number < least or number > most:
            lowest = f"more than {above:g}" if above > -math.inf else f"{least:g} or more"
            self.refuse(key, _short(value), "is out of range", f"give {lowest} and at most {most:.10g}")
        else:
            return number
        return None

    def whole_number(self, key: str, *, least: int, most: int) -> int | None:
        value = self.text(key)
        if value is None:
            return None
        if value.isascii() and value.isdigit() and len(value) <= 18 and least <= int(value) <= most:
            return int(value)
        self.refuse(key, _short(value), "is out of range", f"give a whole number from {least} to {most}")
        return None

    def _secret_in_file(self, file_key: str, path: str) -> str:
        try:
            with Path(path).open("rb") as file:
                content = file.read(_MAX_KEY_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no valid path"
            return self.refuse(
                file_key,
                _shown_path(path),
                f"cannot be read ({reason})",
                "name a file that this user can read",
            )
        if len(content) > _MAX_KEY_FILE_BYTES:
            return self.refuse(
                file_key,
                _shown_path(path),
                f"is longer than {_MAX_KEY_FILE_BYTES} bytes",
                "put the key alone into it",
            )
        # Latin-1 takes any byte; what is no ASCII is refused by the check.
        return self._checked_secret(file_key, content.decode("latin-1").strip())

    def _checked_secret(self, key: str, value: str) -> str:
        if not value:
            return self.refuse(key, "", "names a file without a key", "put the key into it")
        if not value.isascii() or not value.isprintable() or " " in value:
            return self.refuse(
                key, _HIDDEN, "has characters that no key has", "copy the key again, without spaces or quotes"
            )
        return value

    def refuse(self, key: str, shown: str, rule: str, remedy: str) -> str:
        """Note a mistake; `shown` is what may be shown of the value.

        Returns:
            An empty text, which stands for the value.
        """
        self.problems.append(f"{key}: {shown} {rule}; {remedy}" if shown else f"{key}: {rule}; {remedy}")
        return ""


def _shown(url: SplitResult) -> str:
    """Scheme and host: the rest may carry a secret."""
    try:
        host = url.hostname
    except ValueError:
        host = None
    return repr(f"{url.scheme}://{host}") if url.scheme and host else _HIDDEN


def _shown_path(path: str) -> str:
    """What does not begin as a path does may be the key itself, put where its file's path belongs."""
    return repr(path) if path.startswith(("/", "./", "../")) else "the file"


def _short(value: str) -> str:
    return repr(value if len(value) <= _MAX_SHOWN_CHARS else f"{value[:_MAX_SHOWN_CHARS]}…")
