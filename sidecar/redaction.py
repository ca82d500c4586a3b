"""Secrets are taken out of what leaves the process by their value, wherever they turn up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import AnyUrl, BaseModel, SecretStr

HIDDEN: Final = "[hidden]"
_MIN_SECRET_CHARS: Final = 4
"""A shorter one would be found in everything."""


class Redactor:
    """Knows the secrets of every configuration so far, and hides them in text."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()

    def learn(self, config: BaseModel) -> None:
        """Take in every secret of a configuration; what was one before stays one."""
        found = {text for secret in secrets_of(config) for text in (secret, quote(secret, safe=""))}
        known = {secret for secret in found if len(secret) >= _MIN_SECRET_CHARS} | set(self._secrets)
        # The longest first: one secret can be a part of another.
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def clean(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text

    def clean_value(self, value: object) -> object:
        """The same for text inside lists and mappings."""
        if isinstance(value, str):
            # str(): an enum's member stays what it is unless something in it is hidden.
            cleaned = self.clean(value)
            return value if cleaned == value else cleaned
        if isinstance(value, Mapping):
            return {key: self.clean_value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean_value(inner) for inner in value]
        return value


def secrets_of(value: object) -> Iterator[str]:
    """Every secret in a configuration: typed ones, their parts, and what URLs carry behind the host."""
    if isinstance(value, SecretStr):
        yield from _parts(value.get_secret_value())
    elif isinstance(value, AnyUrl):
        yield from (part for part in (value.password, value.query) if part)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_of(getattr(value, name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from secrets_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from secrets_of(inner)


def _parts(secret: str) -> Iterator[str]:
    """A secret as a whole, and what of it alone gives it away: a token, a URI's password and query."""
    yield secret
    scheme, _, token = secret.partition(" ")
    if token and scheme.isalpha():
        yield token
    if "://" not in secret:
        return
    try:
        parts = urlsplit(secret)
        password = parts.password
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))
    for _, value in parse_qsl(parts.query):
        yield value
