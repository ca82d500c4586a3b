"""The configuration, once it is right."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Union

from pydantic import AfterValidator, AnyHttpUrl, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

from pipeline.metrics import DEPENDENCY_NAME
from sidecar.config.errors import shown
from sidecar.config.fleet import Discovery, Sharding
from sidecar.probes import PROBES, ProbeOptions
from sidecar.probes.address import AddressText
from sidecar.probes.probe import Seconds
from sidecar.sharding import Shard

OPTIONS_BY_KIND: Final[Mapping[str, type[ProbeOptions]]] = {
    probe.kind: probe.options_type for probe in PROBES
}
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_ONLY_NUMBERS: Final = re.compile(r"[0-9.]+")
_ORIGIN: Final = re.compile(
    r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?"
)
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where the sidecar serves; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ListenAddress:
        """Read `host:port`, `1.2.3.4:port` or `[::1]:port`.

        Raises:
            ValueError: in words for the user.
        """
        host, colon, port = text.rpartition(":")
        if not colon or "]" in port:
            raise ValueError(f"{shown(text)} has no port; write host:port, such as 127.0.0.1:9747")
        if not host:
            raise ValueError(f"{shown(text)} has no host; write 0.0.0.0{text} to serve on every address")
        if not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= _MAX_PORT):
            raise ValueError(
                f"port {shown(port)} is not between 0 and {_MAX_PORT}; choose one, 0 takes a free one"
            )
        return cls(_host(host), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            raise ValueError(f"{shown(host)} is not an IPv6 address; write one such as [::1]:9747") from None
    if ":" in host:
        raise ValueError(f"{shown(host)} has colons; put an IPv6 address in brackets, such as [::1]:9747")
    if _ONLY_NUMBERS.fullmatch(host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError(
                f"{shown(host)} is not an IPv4 address; write one such as 127.0.0.1:9747"
            ) from None
    if not _HOST_NAME.fullmatch(host):
        raise ValueError(f"{shown(host)} is not a host name; write host:port, such as localhost:9747")
    return host


def _listen(value: object) -> ListenAddress:
    if isinstance(value, ListenAddress):
        return value
    if isinstance(value, str):
        return ListenAddress.parse(value)
    raise ValueError(f"{shown(value)} is not an address; write host:port, such as 127.0.0.1:9747")


def _dependency_name(name: str) -> str:
    if not DEPENDENCY_NAME.fullmatch(name):
        raise ValueError(
            "is not a dependency's name; use a-z, 0-9 and _ and begin with a letter, such as pdf_service"
        )
    return name


def _origin(text: str) -> str:
    if text != "*" and not _ORIGIN.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is not an origin; write scheme and host, such as https://example.org"
        )
    return text


if TYPE_CHECKING:
    Options = ProbeOptions
else:
    Options = Annotated[Union[tuple(OPTIONS_BY_KIND.values())], Field(discriminator="kind")]  # noqa: UP007


class Config(BaseModel):
    """Everything the sidecar is told. Neither it nor anything in it changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    listen: Annotated[
        ListenAddress,
        PlainValidator(_listen, json_schema_input_type=str),
        PlainSerializer(str, return_type=str),
    ] = Field(
        default=ListenAddress("127.0.0.1", 9747),
        description="`host:port` to serve on; IPv6 in brackets, port 0 takes a free one.",
    )
    spool: Path | None = Field(
        default=None, description="Directory the workers write their metrics to; null: there is none."
    )
    spool_foreign_max_age_seconds: float = Field(
        default=86_400.0,
        gt=0,
        le=31_536_000,
        allow_inf_nan=False,
        description="After so long without a change, a file in the spool counts as left by the dead if it is "
        "of another application, whose processes the sidecar can't see.",
    )
    linger_seconds: float = Field(
        default=0.0,
        ge=0,
        le=3_600,
        allow_inf_nan=False,
        description="So long at most it serves on after SIGTERM, until `/metrics` was asked for once more.",
    )
    interval_seconds: Seconds = Field(
        default=30.0, description="Time between two runs, for every dependency that gives none itself."
    )
    timeout_seconds: Seconds = Field(
        default=5.0, description="Longest run, for every dependency that gives none itself."
    )
    dependencies: Annotated[
        Mapping[Annotated[str, AfterValidator(_dependency_name)], Options],
        AfterValidator(MappingProxyType),
        PlainSerializer(lambda mapping: {name: options.model_dump() for name, options in mapping.items()}),
    ] = Field(
        default_factory=lambda: MappingProxyType({}),
        description="What is probed, by name; each has a `kind`.",
    )

    reference_addresses: tuple[AddressText, ...] = Field(
        default=(),
        max_length=16,
        description="`host:port` of services that are up when anything is; while none can be reached, "
        "it is the sidecar that lost its network.",
    )
    cors_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = Field(
        default=(), description="Origins whose pages may read the health document; `*`: every one."
    )

    prometheus_url: AnyHttpUrl | None = Field(
        default=None, description="Prometheus that scrapes this sidecar: it knows the hour before a restart."
    )
    grafana_url: AnyHttpUrl | None = Field(default=None, description="Linked from the status page.")
    runbooks_url: AnyHttpUrl | None = Field(default=None, description="Linked from the status page.")

    sharding: Sharding | None = Field(
        default=None, description="The sidecars that share the probing; null: this one probes everything."
    )
    discovery: Discovery = Field(
        default_factory=Discovery, description="What `/sd` tells Prometheus of this sidecar and of others."
    )

    @property
    def probed_dependencies(self) -> Mapping[str, ProbeOptions]:
        """Those that this sidecar probes: all of them, or its share."""
        if self.sharding is None:
            return self.dependencies
        shard = Shard(self.sharding.name, frozenset(self.sharding.members), self.sharding.replicas)
        return {name: options for name, options in self.dependencies.items() if shard.has(name)}

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        yield "listen", str(self.listen)
        yield "spool", self.spool and str(self.spool)
        yield "interval_seconds", self.interval_seconds
        yield "timeout_seconds", self.timeout_seconds
        # Only the kinds: a URL's path can carry a token.
        yield "dependencies", {name: kind_of(options) for name, options in self.dependencies.items()}


def kind_of(options: ProbeOptions) -> str:
    return next(kind for kind, known in OPTIONS_BY_KIND.items() if type(options) is known)
