"""A YAML file → plain values: mappings, lists, text, numbers, true, false and null, as in YAML 1.2's core.

Refused, because in a configuration they are mistakes or attacks: keys given twice, aliases, tags, more than
one document, and anything very large or deep.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import yaml

from sidecar.config.draft import DEPENDENCIES, Draft
from sidecar.config.errors import dotted
from sidecar.config.files import MAX_CONFIG_BYTES, FileError, read_text

_MAX_NODES: Final = 10_000
_MAX_DEPTH: Final = 16
_MAX_NUMBER_CHARS: Final = 18  # What 64 bits surely hold.

_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE: Final = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
_PLAIN_TAGS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map"))

# Names of aliases and tags in the parser's messages: `password: *hunter2` is an alias to YAML.
_QUOTED: Final = re.compile(r"""(alias|handle|anchor) (['"]).*?\2""")


def read(path: Path, draft: Draft) -> bool:
    """Lay the file's values over the draft's: whole dependencies, and single values of the first level.

    Returns:
        False when the file could not be read to its end; what is wrong is in the draft.
    """
    try:
        text = read_text(path, max_bytes=MAX_CONFIG_BYTES)
    except FileError as error:
        draft.complain(str(path), str(error))
        return False
    reader = _Reader(str(path), draft)
    values = reader.read(text)
    if reader.failed:
        return False  # Laid over, the values around what was refused would cause errors of their own.
    if isinstance(values, dict):
        _lay_over(values, path.parent, draft)
    elif values is not None:
        draft.complain(str(path), "is not a mapping; write `key: value` lines such as `timeout_seconds: 5`")
    return True


def _lay_over(values: dict[str, object], directory: Path, draft: Draft) -> None:
    for key, value in values.items():
        if key == DEPENDENCIES and isinstance(value, dict):
            for name, options in value.items():
                draft.put((DEPENDENCIES, name), options)
        elif key == DEPENDENCIES and value is None:
            continue  # Every line below it may be a comment.
        elif key == "spool" and isinstance(value, str) and value:
            draft.put((key,), str(directory / value))
        else:
            draft.put((key,), value)


class _Refused(yaml.MarkedYAMLError):
    def __init__(self, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class _Loader(yaml.BaseLoader):
    """Composes a bounded tree of nodes; resolves and constructs nothing."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._nodes = 0
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise _Refused(
                "aliases are not supported; write the value out, text that begins with * in quotes", mark
            )
        self._nodes += 1
        self._depth += 1
        if self._nodes > _MAX_NODES:
            raise _Refused(f"more than {_MAX_NODES} values; shorten the file", mark)
        if self._depth > _MAX_DEPTH:
            raise _Refused(f"more than {_MAX_DEPTH} levels deep; flatten it", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Reader:
    def __init__(self, path: str, draft: Draft) -> None:
        self._path = path
        self._draft = draft
        self.failed = False

    def read(self, text: str) -> object:
        try:
            node = _Loader(text).get_single_node()
        except _Refused as error:
            self._complain(error.problem_mark, str(error.problem))
        except yaml.MarkedYAMLError as error:
            problem = _QUOTED.sub(r"\1", ", ".join(filter(None, (error.context, error.problem))))
            self._complain(error.problem_mark or error.context_mark, f"{problem}; correct the YAML")
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            mark = yaml.Mark(
                "", error.position, before.count("\n"), len(before) - before.rfind("\n") - 1, None, 0
            )
            self._complain(mark, f"character U+{error.character:04X} is not allowed; remove it")
        else:
            return None if node is None else self._value(node)
        return None

    def _value(self, node: yaml.Node) -> object:
        if node.tag not in _PLAIN_TAGS:
            self._complain(
                node.start_mark, "tags are not supported; remove it, or put text that begins with ! in quotes"
            )
        elif isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        elif isinstance(node, yaml.SequenceNode):
            return [self._value(child) for child in node.value]
        elif isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        return None

    def _mapping(self, node: yaml.MappingNode) -> dict[str, object]:
        mapping: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            mark = key_node.start_mark
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in _PLAIN_TAGS:
                self._complain(mark, "the key is not text; write a name before the colon")
                continue
            key = key_node.value
            if not _is_text(key):
                self._complain(mark, "the key has a character that is not text; remove it")
            elif key in mapping:
                self._note(mark, f"{dotted((key,))} is given twice, first on line {lines[key]}; keep one")
            else:
                mapping[key] = self._value(value_node)
                lines[key] = mark.line + 1
        return mapping

    def _scalar(self, node: yaml.ScalarNode) -> object:
        text = node.value
        if not _is_text(text):
            self._complain(node.start_mark, "the value has a character that is not text; remove it")
            return None
        if node.style is not None:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text.lower() in _INFINITE:
            return float(_INFINITE[text.lower()])
        if _INTEGER.fullmatch(text):
            # Longer ones are no number anyone means: a key or an account, say.
            return int(text) if len(text) <= _MAX_NUMBER_CHARS else text
        if _FLOAT.fullmatch(text):
            return float(text)
        return text

    def _complain(self, mark: yaml.Mark | None, text: str) -> None:
        self.failed = True
        self._note(mark, text)

    def _note(self, mark: yaml.Mark | None, text: str) -> None:
        where = self._path if mark is None else f"{self._path}:{mark.line + 1}:{mark.column + 1}"
        self._draft.complain(where, text)


def _is_text(text: str) -> bool:
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)
