"""The draft → a `Config`; what pydantic has against it, in words for the user."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from pydantic import AnyUrl, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from sidecar.config import rules
from sidecar.config.draft import DEPENDENCIES, Draft
from sidecar.config.errors import Key, closest, hidden, shown
from sidecar.config.model import OPTIONS_BY_KIND, Config
from sidecar.config.secret_fields import field_types, file_keys, types_in

_NOT_A_MAPPING: Final = "{value} is not a mapping; write `key: value` lines below it"
_NOT_A_LIST: Final = "{value} is not a list; write it as [first, second]"
_SENTENCES: Final[Mapping[str, str]] = {
    "missing": "is missing; add it",
    "float_type": "{value} is not a number; write one without quotes, such as 5",
    "int_type": "{value} is not a whole number; write one without quotes, such as 5",
    "int_from_float": "{value} is not a whole number; write one without a fraction",
    "finite_number": "{value} is not a finite number; write one such as 5",
    "bool_type": "{value} is not true or false; write one of the two without quotes",
    "string_too_short": "{value} is empty or too short; write more, or leave the key out",
    "string_too_long": "{value} is longer than {max_length} characters; shorten it",
    "string_type": "{value} is not text; put it in quotes",
    "too_short": "{value} has fewer than {min_length} entries; add what is missing",
    "too_long": "{value} has more than {max_length} entries; shorten it",
    "path_type": "{value} is not a path; put it in quotes",
    "url_type": "{value} is not text; write a URL such as https://host/path",
    "dict_type": _NOT_A_MAPPING,
    "mapping_type": _NOT_A_MAPPING,
    "model_type": _NOT_A_MAPPING,
    "model_attributes_type": _NOT_A_MAPPING,
    "list_type": _NOT_A_LIST,
    "tuple_type": _NOT_A_LIST,
    "set_type": _NOT_A_LIST,
    "literal_error": "{value} is not one of {expected}; write one of these",
    "enum": "{value} is not one of {expected}; write one of these",
    "greater_than": "{value} is not more than {gt}; raise it",
    "greater_than_equal": "{value} is less than {ge}; raise it",
    "less_than": "{value} is not less than {lt}; lower it",
    "less_than_equal": "{value} exceeds {le}; lower it",
    "value_error": "{error}",  # The words of a validator, ours or a kind's.
}


def validate(draft: Draft) -> Config | None:
    """Judge the whole draft; None when something is wrong, and then the draft has it.

    A validator that a kind of probe brings along raises `ValueError("what, the rule; the remedy")`
    without the value if that is secret.
    """
    rules.judge(draft)
    try:
        # As JSON: strict about types, yet a list will do for a tuple and text for a path.
        return Config.model_validate_json(json.dumps(draft.values), strict=True)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            key = _key(details["loc"])
            if details["type"] in {"union_tag_invalid", "union_tag_not_found"}:
                draft.complain((*key, "kind"), _kind_sentence(details["input"]))
            else:
                draft.complain(key, _sentence(details, key, draft))
        return None


def _key(location: Key) -> Key:
    """Pydantic's way to a value without the union's tag, and a mapping's key instead of `[key]`."""
    if location[-1:] == ("[key]",):
        location = location[:-1]
    if location[:1] == (DEPENDENCIES,) and len(location) > 2:
        return (*location[:2], *location[3:])
    return location


def _kind_sentence(options: Mapping[str, object]) -> str:
    kinds = ", ".join(sorted(OPTIONS_BY_KIND))
    if "kind" not in options:
        return f"is missing; write one of {kinds}"
    return f"{shown(options['kind'])} is not a kind of probe; write one of {kinds}"


def _sentence(details: ErrorDetails, key: Key, draft: Draft) -> str:
    if details["type"] == "extra_forbidden":
        return f"unknown key; {closest(str(key[-1]), _known_keys(key, draft), 'keys here')}"
    value = shown(details["input"]) if _may_show(key, draft) else hidden(details["input"])
    sentence = _SENTENCES.get(details["type"])
    if sentence is None:
        # A check nobody put in words yet; its message could quote the value, its name can't.
        return f"{value} breaks the rule {details['type']}; see docs/configuration.md"
    context = details.get("ctx", {})
    limits = {name: shown(limit) for name, limit in context.items() if isinstance(limit, int | float)}
    return sentence.format_map({**context, **limits, "value": value})


def _known_keys(key: Key, draft: Draft) -> set[str]:
    if len(key) == 1:
        return set(Config.model_fields)
    if key[0] != DEPENDENCIES:
        return _keys_below(str(key[0]))
    kind = _kind(key, draft)
    return {*field_types(kind), *file_keys(kind)}


def _keys_below(name: str) -> set[str]:
    """Those of a mapping with keys of its own, as the user writes them."""
    models = [
        known for known in types_in(Config.model_fields[name].annotation) if hasattr(known, "model_fields")
    ]
    return {field.alias or key for model in models for key, field in model.model_fields.items()}


def _may_show(key: Key, draft: Draft) -> bool:
    if key[0] != DEPENDENCIES:
        return True
    types = field_types(_kind(key, draft)).get(str(key[2])) if len(key) > 2 else None
    return types is not None and not any(
        issubclass(known, SecretStr | AnyUrl) for known in types if isinstance(known, type)
    )


def _kind(key: Key, draft: Draft) -> object:
    return draft.dependencies().get(str(key[1]), {}).get("kind")
