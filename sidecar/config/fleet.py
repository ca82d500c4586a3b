"""What a sidecar is told of the other sidecars: who probes what, and where they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from pipeline.metrics import METRICS as WORKERS_METRICS
from sidecar.config.errors import shown
from sidecar.metrics import METRICS as OWN_METRICS
from sidecar.probes.address import Address, AddressText

_MAX_SIDECARS: Final = 1_000
_MEMBER: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}")
_TAKEN_LABELS: Final = frozenset(
    {"job", "instance", "le"}
    | {label.name for definition in (*OWN_METRICS, *WORKERS_METRICS) for label in definition.labels}
)
"""As labels of a target they would displace those of the metrics, to `exported_…`."""
_MAX_LABEL_CHARS: Final = 256


def _member(text: str) -> str:
    if not _MEMBER.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is not a sidecar's name; use letters, digits, -, _, . and :, such as host-1"
        )
    return text


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    return _distinct_as(names, str)


def _distinct_addresses(addresses: tuple[str, ...]) -> tuple[str, ...]:
    return _distinct_as(addresses, lambda text: Address.parse(text).canonical())


def _distinct_as(texts: tuple[str, ...], meaning: Callable[[str], Hashable]) -> tuple[str, ...]:
    seen: dict[Hashable, str] = {}
    for text in texts:
        before = seen.get(meant := meaning(text))
        if before == text:
            raise ValueError(f"{shown(text)} is given twice; keep one")
        if before is not None:
            raise ValueError(f"{shown(before)} and {shown(text)} are the same; keep one")
        seen[meant] = text
    return texts


def _labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in labels.items():
        if not _LABEL.fullmatch(name) or name.startswith("__"):
            raise ValueError(
                f"{shown(name)} is not a label's name; use letters, digits and _, such as region"
            )
        if name in _TAKEN_LABELS:
            raise ValueError(f"{name} is a label of Prometheus or of the metrics; choose another name")
        if len(value) > _MAX_LABEL_CHARS or not value.isprintable():
            raise ValueError(
                f"the value of {name} is not one line of at most {_MAX_LABEL_CHARS} characters; shorten it"
            )
    return MappingProxyType(dict(labels))


MemberName = Annotated[str, AfterValidator(_member)]


class Sharding(BaseModel):
    """Each dependency is probed by `replicas` of the sidecars in `members`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    members: Annotated[tuple[MemberName, ...], AfterValidator(_distinct)] = Field(
        min_length=1, max_length=_MAX_SIDECARS, description="The names of all the sidecars."
    )
    name: MemberName = Field(alias="self", description="Which of them this one is.")
    replicas: int = Field(default=1, ge=1, description="How many of them probe a dependency.")

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.name not in self.members:
            raise ValueError(
                f"self {shown(self.name)} is not one of the members; add it to them or correct it"
            )
        if self.replicas > len(self.members):
            raise ValueError(
                f"replicas {self.replicas} exceeds the number of members, {len(self.members)};"
                " lower it or add members"
            )
        return self


class Discovery(BaseModel):
    """What `/sd` tells Prometheus of this sidecar and of others."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    address: AddressText | None = Field(
        default=None,
        description="`host:port` at which Prometheus finds this one; null: where it was asked for the list.",
    )
    peers: Annotated[tuple[AddressText, ...], AfterValidator(_distinct_addresses)] = Field(
        default=(), max_length=_MAX_SIDECARS, description="`host:port` of the other sidecars."
    )
    labels: Annotated[Mapping[str, str], AfterValidator(_labels), PlainSerializer(dict)] = Field(
        default_factory=lambda: MappingProxyType({}),
        max_length=32,
        description="Labels for all of them, such as the region they are in.",
    )
