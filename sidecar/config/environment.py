"""Which environment variables mean what: a variable that names a dependency switches its probe on."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from sidecar.config.draft import DEPENDENCIES, SHARDING, Draft
from sidecar.config.errors import shown, shown_path
from sidecar.config.files import FileError, read_secret


@dataclass(frozen=True, slots=True)
class Provider:
    """A service that its API key switches on; the kind of its probe has the dependency's name."""

    dependency: str
    key_variable: str
    url_variable: str


PROVIDERS: Final = (
    Provider("firecrawl", "FIRECRAWL_API_KEY", "FIRECRAWL_API_URL"),
    Provider("openrouter", "OPENROUTER_API_KEY", "OPENROUTER_BASE_URL"),
    Provider("anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
    Provider("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
)
MONGODB_VARIABLE: Final = "MONGODB_URI"
PDF_SERVICE_VARIABLE: Final = "PDF_SERVICE_URL"
CONFIG_VARIABLE: Final = "SIDECAR_CONFIG"
NAME_VARIABLE: Final = "SIDECAR_NAME"
_USER_AND_PASSWORD: Final = re.compile(
    r"(?P<scheme>https?://)(?P<credentials>[^@/\\]*:[^@/\\]*)@(?P<rest>[^@]*)"
)

NUMBERS: Final = {
    "HEALTH_CHECK_TIMEOUT": "timeout_seconds",
    "HEALTH_CHECK_INTERVAL": "interval_seconds",
    "SIDECAR_LINGER_SECONDS": "linger_seconds",
}
TEXTS: Final = {
    "SIDECAR_LISTEN": "listen",
    "SIDECAR_SPOOL": "spool",
    "PROMETHEUS_URL": "prometheus_url",
    "GRAFANA_URL": "grafana_url",
}
SECRETS: Final = (MONGODB_VARIABLE, *(provider.key_variable for provider in PROVIDERS))

VARIABLES: Final = (
    MONGODB_VARIABLE,
    PDF_SERVICE_VARIABLE,
    *(provider.key_variable for provider in PROVIDERS),
    *(provider.url_variable for provider in PROVIDERS),
    *NUMBERS,
    *TEXTS,
    CONFIG_VARIABLE,
    NAME_VARIABLE,
)
"""Every variable the sidecar reads; those of `SECRETS` also with `_FILE` at the end."""


def config_file(environment: Mapping[str, str]) -> Path | None:
    name = environment.get(CONFIG_VARIABLE, "").strip()
    return Path(name) if name else None


def read(environment: Mapping[str, str], draft: Draft) -> None:
    """Put into the draft what the variables say, each value under its variable's name."""
    reader = _Reader(environment, draft)
    for variable, key in NUMBERS.items():
        if (number := reader.number(variable)) is not None:
            draft.put((key,), number, name=variable)
    for variable, key in TEXTS.items():
        if (text := reader.text(variable)) is not None:
            draft.put((key,), text, name=variable)
    reader.mongodb()
    reader.pdf_service()
    for provider in PROVIDERS:
        reader.provider(provider)


def name_this_sidecar(environment: Mapping[str, str], draft: Draft) -> None:
    """Which of the members this sidecar is, where the file doesn't say: one file can serve them all."""
    sharding = draft.values.get(SHARDING)
    name = _Reader(environment, draft).text(NAME_VARIABLE)
    if isinstance(sharding, dict) and "self" not in sharding and name is not None:
        sharding["self"] = name
        draft.call((SHARDING, "self"), NAME_VARIABLE)


class _Reader:
    def __init__(self, environment: Mapping[str, str], draft: Draft) -> None:
        self._environment = environment
        self._draft = draft

    def mongodb(self) -> None:
        if (uri := self._secret(MONGODB_VARIABLE)) is not None:
            key = (DEPENDENCIES, "mongodb")
            self._draft.put(key, {"kind": "mongodb", "critical": True, "uri": uri.value})
            self._draft.call((*key, "uri"), uri.variable)

    def pdf_service(self) -> None:
        if (base_url := self.text(PDF_SERVICE_VARIABLE)) is not None:
            key = (DEPENDENCIES, "pdf_service")
            # The pipeline takes a password in this URL; a probe takes it as a header.
            url, headers = _without_password(base_url)
            self._draft.put(key, {"kind": "pdf", "url": url, "headers": headers})
            self._draft.call((*key, "url"), PDF_SERVICE_VARIABLE)

    def provider(self, provider: Provider) -> None:
        secret = self._secret(provider.key_variable)
        if secret is None:
            return
        options: dict[str, object] = {"kind": provider.dependency, "api_key": secret.value}
        if (base_url := self.text(provider.url_variable)) is not None:
            options["url"] = base_url
        key = (DEPENDENCIES, provider.dependency)
        self._draft.put(key, options)
        self._draft.call((*key, "url"), provider.url_variable)
        self._draft.call((*key, "api_key"), secret.variable)

    def number(self, variable: str) -> float | None:
        if (text := self.text(variable)) is None:
            return None
        try:
            return float(text)
        except ValueError:
            self._draft.complain(variable, f"{shown(text)} is not a number; give seconds, such as 5")
            return None

    def text(self, variable: str) -> str | None:
        text = self._environment.get(variable, "").strip() or None
        if text is not None and not _is_unicode(text):
            self._draft.complain(variable, "the value is not UTF-8 text; set it again as UTF-8")
            return None
        return text

    def _secret(self, variable: str) -> _Secret | None:
        file_variable = f"{variable}_FILE"
        path = self.text(file_variable)
        if path is None:
            value = self.text(variable)
            return None if value is None else _Secret(variable, value)
        if self.text(variable) is not None:
            self._draft.complain(variable, f"both it and {file_variable} are set; unset one of the two")
            return None
        try:
            return _Secret(file_variable, read_secret(Path(path)))
        except FileError as error:
            self._draft.complain(file_variable, f"{shown_path(path)} {error}")
            return None


@dataclass(frozen=True, slots=True, repr=False)
class _Secret:
    variable: str
    value: str


def _without_password(url: str) -> tuple[str, dict[str, str]]:
    match = _USER_AND_PASSWORD.fullmatch(url)
    if match is None:
        return url, {}
    credentials = base64.b64encode(unquote_to_bytes(match["credentials"])).decode()
    return match["scheme"] + match["rest"], {"Authorization": f"Basic {credentials}"}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
