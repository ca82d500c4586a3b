"""Spools as prometheus_client itself writes them, made up by hypothesis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.utils import floatToGoString

MODES = tuple(f"{live}{mode}" for live in ("", "live") for mode in ("all", "min", "max", "sum", "mostrecent"))

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,6}", fullmatch=True) | st.sampled_from(
    ["http.requests", "größe", "a b", "job:rate", "日本", "le_", "total"]
)
label_names = st.from_regex(r"[a-z][a-z0-9_]{0,4}", fullmatch=True) | st.sampled_from(
    ["pid", "worker.name", "größe", "a-b"]
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ['"', "\\", "\n", "\\n", "%", "%s", "{}", "", " ", "€", "\x00", "\u2028"]
)
finite = st.integers(-100, 100).map(float) | st.floats(-1e6, 1e6)
amounts = finite | st.sampled_from(
    [float("nan"), float("inf"), float("-inf"), -0.0, 1e300, 5e-324, 1e21, 1e6]
)
bounds = st.sets(st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1e6, 123456789.0, 1e-7, 1e300]), max_size=4)


def mapped(path: Path) -> Any:
    """A file as one of prometheus_client's workers has it open."""
    return MmapedDict(str(path))  # type: ignore[no-untyped-call]


@dataclass
class Family:
    name: str
    type: str
    mode: str
    help: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    series: list[tuple[str, ...]]

    @property
    def prefix(self) -> str:
        return f"{self.type}_{self.mode}" if self.mode else self.type


@dataclass
class Written:
    """Everything that was written, by file: key and then value and timestamp."""

    files: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)

    def write(self, spool: Path) -> None:
        with ExitStack() as stack:
            for name, entries in self.files.items():
                file = mapped(spool / name)
                stack.callback(file.close)
                for key, (value, timestamp) in entries.items():
                    file.write_value(key, value, timestamp)


@st.composite
def families(draw: st.DrawFn) -> list[Family]:
    found: dict[str, Family] = {}
    for name in draw(st.sets(names, min_size=1, max_size=4)):
        labels = tuple(sorted(draw(st.sets(label_names, max_size=3))))
        kind = draw(st.sampled_from(["counter", "gauge", "histogram", "summary"]))
        found[name] = Family(
            name,
            kind,
            draw(st.sampled_from(MODES)) if kind == "gauge" else "",
            draw(texts),
            labels,
            (*sorted(draw(bounds)), float("inf")),
            draw(st.lists(st.tuples(*(texts for _ in labels)), min_size=1, max_size=3, unique=True)),
        )
    return list(found.values())


@st.composite
def spools(draw: st.DrawFn) -> Written:
    """What a few workers wrote, not all of them the same, nor in the same order."""
    written = Written()
    known = draw(families())
    for worker in range(1, draw(st.integers(1, 4)) + 1):
        for family in draw(st.permutations(known)):
            entries = written.files.setdefault(f"{family.prefix}_{worker}.db", {})
            for values in family.series:
                if draw(st.integers(0, 3)):
                    for key in keys(family, values):
                        entries[key] = draw(value_of(family, worker))
    return written


def value_of(family: Family, worker: int) -> st.SearchStrategy[tuple[float, float]]:
    # Which of two equal times is the later one, and whether what is no number is the greatest, depends
    # with prometheus_client on the order of the directory.
    mode = family.mode.removeprefix("live")
    chosen = finite if mode in {"min", "max"} else amounts
    if mode != "mostrecent":
        return st.tuples(chosen, st.just(0.0))
    return st.tuples(chosen, st.integers(1, 5).map(lambda second: 10.0 * second + worker))


def keys(family: Family, values: tuple[str, ...]) -> Iterator[str]:
    labels = dict(zip(family.labels, values, strict=True))
    suffixes = {"counter": ["_total"], "gauge": [""], "histogram": ["_sum"], "summary": ["_count", "_sum"]}
    for suffix in suffixes[family.type]:
        yield _key(family, suffix, labels)
    if family.type == "histogram":
        for bound in family.bounds:
            yield _key(family, "_bucket", {**labels, "le": floatToGoString(bound)})  # type: ignore[no-untyped-call]


def _key(family: Family, suffix: str, labels: dict[str, str]) -> str:
    return mmap_key(family.name, family.name + suffix, list(labels), list(labels.values()), family.help)
