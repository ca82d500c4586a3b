"""Which values of a dependency are secret, and those of them that are kept in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import SecretStr

from sidecar.config.draft import DEPENDENCIES, Draft
from sidecar.config.errors import Key, closest, hidden, shown_path
from sidecar.config.files import FileError, read_secret
from sidecar.config.model import OPTIONS_BY_KIND

FILE_SUFFIX: Final = "_file"
_FILE_KEYS: Final = frozenset({"file", "prefix"})


def types_in(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - an annotation can be anything
    """An annotation and all it is made of: for `dict[str, SecretStr]` also `dict`, `str` and `SecretStr`."""
    yield annotation
    if (origin := get_origin(annotation)) is not None:
        yield origin
    for argument in get_args(annotation):
        yield from types_in(argument)


def field_types(kind: object) -> Mapping[str, tuple[Any, ...]]:
    """The types in each field of a kind's options; empty for an unknown kind."""
    options = OPTIONS_BY_KIND.get(kind) if isinstance(kind, str) else None
    fields = {} if options is None else options.model_fields
    return {name: tuple(types_in(field.annotation)) for name, field in fields.items()}


def file_keys(kind: object) -> set[str]:
    """The keys that name a file with a secret, such as `uri_file`."""
    return {name + FILE_SUFFIX for name, types in field_types(kind).items() if _is_secret(types)}


def resolve(draft: Draft, directory: Path) -> None:
    """Replace every `<key>_file`, and `{file: …, prefix: …}` among secrets, by what the file holds."""
    resolver = _Resolver(draft, directory)
    for name, options in draft.dependencies().items():
        for field, types in field_types(options.get("kind")).items():
            key: Key = (DEPENDENCIES, name, field)
            value = options.get(field)
            if _is_secret(types):
                resolver.field(options, key)
            elif SecretStr in types and isinstance(value, dict):
                resolver.mapping(value, key)


def _is_secret(types: tuple[Any, ...]) -> bool:
    return SecretStr in types and not any(
        issubclass(known, Mapping) for known in types if isinstance(known, type)
    )


class _Resolver:
    def __init__(self, draft: Draft, directory: Path) -> None:
        self._draft = draft
        self._directory = directory

    def field(self, options: dict[str, object], key: Key) -> None:
        field = str(key[-1])
        file_key = field + FILE_SUFFIX
        if file_key not in options:
            return
        path = options.pop(file_key)
        if field in options:
            self._draft.complain(key, f"both it and {file_key} are given; remove one of the two")
            return
        self._draft.call(key, self._draft.name((*key[:-1], file_key)))
        secret = self._read(path, key)
        if secret is not None:
            options[field] = secret

    def mapping(self, secrets: dict[str, object], key: Key) -> None:
        for name, value in list(secrets.items()):
            if isinstance(value, dict):
                # Gone if it can't be resolved: the one error about it is enough.
                del secrets[name]
                secret = self._prefixed(value, (*key, name))
                if secret is not None:
                    secrets[name] = secret

    def _prefixed(self, value: dict[str, object], key: Key) -> str | None:
        for unknown in sorted(value.keys() - _FILE_KEYS):
            self._draft.complain((*key, unknown), f"unknown key; {closest(unknown, _FILE_KEYS, 'keys here')}")
        prefix = value.get("prefix", "")
        if not isinstance(prefix, str):
            self._draft.complain((*key, "prefix"), f"{hidden(prefix)} is not text; put it in quotes")
            prefix = ""
        if "file" not in value:
            self._draft.complain((*key, "file"), "is missing; give the path of the file with the secret")
            return None
        secret = self._read(value["file"], (*key, "file"))
        return None if secret is None else prefix + secret

    def _read(self, path: object, key: Key) -> str | None:
        if not isinstance(path, str) or not path:
            self._draft.complain(key, f"{hidden(path)} is not a path; give that of the file with the secret")
            return None
        try:
            return read_secret(self._directory / path)
        except FileError as error:
            self._draft.complain(key, f"{shown_path(path)} {error}")
            return None
