"""The two formats: what differs between Prometheus' text format 0.0.4 and OpenMetrics 1.0."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Final

from prometheus_client import Metric, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_latest_openmetrics
from prometheus_client.registry import Collector

from sidecar.exposition.lines import escape_name


class _One(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


class Format(ABC):
    """Sample lines are the same in both; comments, the end and some names are not."""

    media_type: ClassVar[str]
    version: ClassVar[str]
    end: ClassVar[bytes]

    @property
    def content_type(self) -> str:
        return f"{self.media_type}; version={self.version}; charset=utf-8"

    @abstractmethod
    def header(self, name: str, type_name: str, help_text: str) -> str:
        """The comments above the samples of a counter, gauge, histogram or summary."""

    @abstractmethod
    def sample_name(self, name: str) -> str:
        """The name of a sample before it is escaped."""

    @abstractmethod
    def by_prometheus_client(self, family: Metric) -> bytes:
        """The family as prometheus_client writes it, whatever its type."""


class _Text(Format):
    media_type = "text/plain"
    version = "0.0.4"
    end = b""

    def header(self, name: str, type_name: str, help_text: str) -> str:
        shown = escape_name(f"{name}_total" if type_name == "counter" else name)
        help_text = help_text.replace("\\", r"\\").replace("\n", r"\n")
        return f"# HELP {shown} {help_text}\n# TYPE {shown} {type_name}\n"

    def sample_name(self, name: str) -> str:
        return name

    def by_prometheus_client(self, family: Metric) -> bytes:
        return generate_latest(_One(family))


class _OpenMetrics(Format):
    media_type = "application/openmetrics-text"
    version = "1.0.0"
    end = b"# EOF\n"

    def header(self, name: str, type_name: str, help_text: str) -> str:
        shown = escape_name(name)
        help_text = help_text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        return f"# HELP {shown} {help_text}\n# TYPE {shown} {type_name}\n"

    def sample_name(self, name: str) -> str:
        # As prometheus_client does, which allows no colon here.
        return name.replace(":", "_")

    def by_prometheus_client(self, family: Metric) -> bytes:
        text: bytes = generate_latest_openmetrics(_One(family))  # type: ignore[no-untyped-call]
        return text.removesuffix(self.end)


TEXT: Final[Format] = _Text()
OPENMETRICS: Final[Format] = _OpenMetrics()
