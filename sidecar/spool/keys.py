"""The key of an entry: which series it is of."""

from __future__ import annotations

import json
import math
from typing import Final
from weakref import WeakValueDictionary

from sidecar.exposition.lines import escape_label, line_start
from sidecar.spool.errors import BadFileError

Labels = tuple[tuple[str, str], ...]

_SUFFIXES: Final = frozenset({"", "_total", "_bucket", "_sum", "_count", "_created"})


class Key:
    """`[family, sample, {labels}, help]`, once for all files that have it."""

    __slots__ = ("__weakref__", "family", "help", "labels", "line", "sample")

    def __init__(self, family: str, sample: str, labels: Labels, help_text: str) -> None:
        self.family = family
        self.sample = sample
        self.labels = labels
        """In order of name."""
        self.help = help_text
        self.line = line_start(sample, labels)

    def bound(self) -> float | None:
        """The upper bound of the bucket that it counts, None if it is no bucket.

        Raises:
            BadFileError: the label `le` holds no number.
        """
        for name, text in self.labels:
            if name == "le":
                return _number(text)
        return None


_known: WeakValueDictionary[bytes, Key] = WeakValueDictionary()


def parse_key(raw: bytes) -> Key:
    """The key that these bytes write.

    Raises:
        BadFileError: they write none, or one that no exposition can hold.
    """
    key = _known.get(raw)
    if key is None:
        key = _known[raw] = _parse(raw)
    return key


def _parse(raw: bytes) -> Key:
    try:
        family, sample, labels, help_text = json.loads(raw)
        pairs = tuple(sorted(labels.items()))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadFileError("a key that is not [family, sample, labels, help]") from error
    texts = (family, sample, help_text, *(text for pair in pairs for text in pair))
    if not all(isinstance(text, str) for text in texts):
        raise BadFileError("a key whose parts are not all text")
    if not family or not sample.startswith(family) or sample.removeprefix(family) not in _SUFFIXES:
        raise BadFileError("a sample that is not named for its metric")
    shown = {escape_label(name) for name, _ in pairs}
    if len(shown) < len(pairs) or any(not name or name.startswith("__") for name, _ in pairs):
        raise BadFileError("a label without a proper name of its own")
    labels_shown = tuple((encodable(name), encodable(text)) for name, text in pairs)
    return Key(encodable(family), encodable(sample), labels_shown, encodable(help_text))


def encodable(text: str) -> str:
    """JSON and file names can hold half of a surrogate pair, which no exposition can; it becomes a `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _number(text: str) -> float:
    try:
        bound = float(text)
    except ValueError:
        bound = math.nan
    if math.isnan(bound):
        raise BadFileError("a bucket whose bound is not a number")
    return bound
