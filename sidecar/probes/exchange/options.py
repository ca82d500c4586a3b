"""What the configuration can say about the way to a target, for every kind that speaks HTTP."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Final, Self

from pydantic import AnyHttpUrl, Field, SecretStr, ValidationInfo, field_validator, model_validator

from sidecar.probes.exchange.contexts import Contexts, TlsFiles
from sidecar.probes.exchange.route import IpPreference, Proxy, Route
from sidecar.probes.exchange.tls import default_context
from sidecar.probes.probe import ProbeOptions

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class RouteOptions(ProbeOptions):
    ca_file: Path | None = Field(
        default=None, description="Certificate authorities in PEM form, instead of the system's."
    )
    client_certificate_file: Path | None = Field(
        default=None, description="Certificate to present, in PEM form, with those in between."
    )
    client_key_file: Path | None = Field(
        default=None,
        validate_default=True,
        description="Its key, unencrypted; not needed when it is in the same file.",
    )
    server_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Name to ask for and to check in TLS, instead of the URL's host.",
    )
    skip_verify: bool = Field(
        default=False, description="Take any certificate, an attacker's too; its expiry is told all the same."
    )
    ip_preference: IpPreference = Field(
        default=IpPreference.ANY, description="Which addresses of the name are tried, and which first."
    )
    proxy: AnyHttpUrl | None = Field(default=None, description="HTTP proxy to go through, http://host:port.")
    proxy_username: str | None = None
    proxy_password: SecretStr | None = Field(default=None, description="Sent as Basic; secret.")

    @field_validator("ca_file", "client_certificate_file", "client_key_file")
    @classmethod
    def _is_there(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("the file does not exist; create it or correct the path")
        return path

    @field_validator("ca_file")
    @classmethod
    def _holds_authorities(cls, path: Path | None) -> Path | None:
        TlsFiles(ca_file=path).check()
        return path

    @field_validator("client_key_file")
    @classmethod
    def _belongs_to_the_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if "client_certificate_file" in info.data:  # If it isn't, that one is wrong in itself.
            certificate = info.data["client_certificate_file"]
            if certificate is None and key is not None:
                raise ValueError("it is given without client_certificate_file; give both or neither")
            TlsFiles(client_certificate_file=certificate, client_key_file=key).check()
        return key

    @field_validator("proxy")
    @classmethod
    def _is_only_an_origin(cls, proxy: AnyHttpUrl | None) -> AnyHttpUrl | None:
        if proxy is not None and (proxy.scheme != "http" or (proxy.path or "/") != "/" or proxy.query):
            raise ValueError(
                "the value is more than http://host:port; write just that, also for HTTPS targets"
            )
        return proxy

    @model_validator(mode="after")
    def _has_a_proxy_for_its_credentials(self) -> Self:
        if (self.proxy_username is None) != (self.proxy_password is None):
            raise ValueError("of proxy_username and proxy_password one is missing; give both or neither")
        if self.proxy_username is not None and self.proxy is None:
            raise ValueError("proxy_username is given without proxy; give the proxy's URL too")
        return self


def without_control_characters(secret: SecretStr | None) -> SecretStr | None:
    """A validator for what goes into a header."""
    if secret is not None and _CONTROL.search(secret.get_secret_value()):
        raise ValueError("the value has a line break or control character in it; remove it")
    return secret


def basic(username: str, password: SecretStr) -> str:
    """Value of an `Authorization` header (RFC 7617, UTF-8)."""
    credentials = f"{username}:{password.get_secret_value()}"
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


class Routes:
    """The route that options describe; its TLS context follows the files."""

    def __init__(self, options: RouteOptions, *, is_https: bool, max_redirects: int = 0) -> None:
        """Reads the files and, for HTTPS, the system's authorities: here, not in the first run.

        Raises:
            ValueError: a file has become bad since the configuration was read.
        """
        files = TlsFiles(
            options.ca_file,
            options.client_certificate_file,
            options.client_key_file,
            verify=not options.skip_verify,
        )
        self._contexts = None if files == TlsFiles() else Contexts(files)
        if is_https and self._contexts is None:
            default_context()
        self._options = options
        self._proxy = _proxy(options)
        self._max_redirects = max_redirects

    def current(self) -> Route:
        return Route(
            None if self._contexts is None else self._contexts.current(),
            self._options.server_name,
            self._options.ip_preference,
            self._proxy,
            self._max_redirects,
        )


def _proxy(options: RouteOptions) -> Proxy | None:
    if options.proxy is None or options.proxy.host is None:
        return None
    authorization = None
    if options.proxy_username is not None and options.proxy_password is not None:
        authorization = basic(options.proxy_username, options.proxy_password)
    return Proxy(options.proxy.host.strip("[]"), options.proxy.port or 80, authorization)
