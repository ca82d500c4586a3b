"""JSONPath (RFC 9535), without what takes more time than in proportion to the document.

Loaded only when a path is given.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, JsonValue

if TYPE_CHECKING:
    from jsonpath import JSONPath, JSONPathEnvironment
    from jsonpath.filter import BaseExpression

_MAX_CHARS: Final = 500


@functools.cache
def _environment() -> JSONPathEnvironment:
    from jsonpath import JSONPathEnvironment

    environment = JSONPathEnvironment(strict=True)
    for name in ("match", "search"):  # Regular expressions that can run away.
        environment.function_extensions.pop(name, None)
    return environment


def _checked(text: str) -> str:
    compile_path(text)
    return text


JsonPath = Annotated[str, AfterValidator(_checked)]
"""A field's type: the text of a path that compiles."""


@functools.lru_cache(maxsize=1024)
def compile_path(text: str) -> JSONPath:
    """Read a path.

    Raises:
        ValueError: it is none, or one that is refused; in words for the user.
    """
    from jsonpath import JSONPath, JSONPathError

    if not 0 < len(text) <= _MAX_CHARS:
        raise ValueError(f"a JSON path has 1 to {_MAX_CHARS} characters; write one such as $.status")
    if not text.startswith("$"):
        raise ValueError(
            "the value is not a JSON path (it does not begin with $); write one such as $.status"
        )
    try:
        path = _environment().compile(text)
    except (JSONPathError, RecursionError) as error:
        # What is wrong would be quoted in it, and could be a secret put in the wrong place.
        rule = type(error).__name__.removeprefix("JSONPath").removesuffix("Error").lower()
        raise ValueError(f"the value is not a JSON path ({rule}); write one such as $.status") from None
    if not isinstance(path, JSONPath):
        raise ValueError("the value is more than one JSON path; write one such as $.status")  # noqa: TRY004
    _refuse_what_is_slow(path)
    return path


def _refuse_what_is_slow(path: JSONPath) -> None:
    """Of two of these the work can grow with the square of the document."""
    from jsonpath.filter import RootFilterQuery
    from jsonpath.segments import JSONPathRecursiveDescentSegment as Descent

    filters = list(_filters(path))
    if any(isinstance(expression, RootFilterQuery) for expression in filters):
        raise ValueError("the value has $ inside a filter; use @ there")
    paths = [path, *(expression.path for expression in filters if hasattr(expression, "path"))]
    descents = sum(isinstance(segment, Descent) for each in paths for segment in each.segments)
    if descents > 1 or (descents and filters):
        raise ValueError("the value has .. together with another .. or a filter; name the way instead")


def _filters(path: JSONPath) -> Iterator[BaseExpression]:
    """Every expression in every filter, also those in filters of filters."""
    from jsonpath.filter import FilterQuery
    from jsonpath.selectors import Filter

    waiting: list[BaseExpression] = [
        selector.expression
        for segment in path.segments
        for selector in segment.selectors
        if isinstance(selector, Filter)
    ]
    while waiting:
        expression = waiting.pop()
        yield expression
        waiting += expression.children()
        if isinstance(expression, FilterQuery):
            yield from _filters(expression.path)


def read_json(text: bytes) -> JsonValue:
    """The document.

    Raises:
        ValueError: it is none, or is nested too deep.
    """
    try:
        document: JsonValue = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return document


def selects(path: JSONPath, document: JsonValue) -> bool:
    """Whether there is anything at that path.

    Raises:
        ValueError: the document is nested too deep for it.
    """
    return any(True for _ in _values(path, document))


def selects_equal(path: JSONPath, document: JsonValue, expected: JsonValue) -> bool:
    """Whether anything at that path is this; 1 and 1.0 are the same, 1 and true are not.

    Raises:
        ValueError: the document is nested too deep for it.
    """
    return any(_equal(value, expected) for value in _values(path, document))


def _values(path: JSONPath, document: JsonValue) -> Iterator[object]:
    from jsonpath import JSONPathError

    if isinstance(document, str):  # The library would read it as JSON once more.
        if not path.segments:
            yield document
        return
    try:
        for match in path.finditer(document):
            yield match.obj
    except (JSONPathError, RecursionError):
        raise ValueError("nested too deep") from None


def _equal(value: object, expected: JsonValue) -> bool:
    if isinstance(value, dict) and isinstance(expected, dict):
        return value.keys() == expected.keys() and all(_equal(value[key], expected[key]) for key in expected)
    if isinstance(value, list) and isinstance(expected, list):
        return len(value) == len(expected) and all(map(_equal, value, expected))
    return isinstance(value, bool) == isinstance(expected, bool) and value == expected
