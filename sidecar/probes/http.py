"""Kind `http`: fetch a URL over a fresh connection and judge the answer."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AnyHttpUrl, Field, JsonValue, SecretStr, field_validator, model_validator

from sidecar.probes.assertions import MAX_JSON_BYTES, Assertions, JsonPath
from sidecar.probes.exchange import MAX_BODY_BYTES, Request, exchange
from sidecar.probes.exchange.options import RouteOptions, Routes, basic, without_control_characters
from sidecar.probes.exchange.redirects import REDIRECTS
from sidecar.probes.pattern import PatternText
from sidecar.probes.probe import Probe, ProbeOptions
from sidecar.probes.result import Findings, ProbeFailure, Reason

_AUTH_STATUSES: Final = frozenset({401, 403})
_QUOTA_STATUS: Final = 429

StatusCode = Annotated[int, Field(ge=100, le=599)]


class HttpOptions(RouteOptions):
    kind: Literal["http"] = "http"
    url: AnyHttpUrl = Field(description="What to fetch; no user or password in it.")
    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Sent along; values are secret.")
    body: SecretStr | None = Field(default=None, description="Sent along, in UTF-8; secret.")
    username: str | None = Field(default=None, description="For basic authentication, with `password`.")
    password: SecretStr | None = Field(default=None, description="For basic authentication; secret.")
    bearer_token: SecretStr | None = Field(default=None, description="For bearer authentication; secret.")
    max_redirects: Annotated[int, Field(ge=0, le=20)] = Field(
        default=10, description="More redirects than this are a failure; 0: a redirect is judged itself."
    )
    accepted_status_codes: tuple[StatusCode, ...] = Field(
        default=(), description="Empty: every code from 200 to 299."
    )
    headers_must_match: dict[str, PatternText] = Field(
        default_factory=dict, description="Patterns that headers of the answer must match, by their names."
    )
    body_must_match: PatternText | None = Field(default=None, description="Pattern that must be in the body.")
    body_must_not_match: PatternText | None = Field(
        default=None, description="Pattern that must not be in the body."
    )
    json_must_equal: dict[JsonPath, JsonValue] = Field(
        default_factory=dict, description="What must be in the body, read as JSON, by JSON paths."
    )
    json_must_exist: tuple[JsonPath, ...] = Field(
        default=(), description="JSON paths at which there must be something."
    )
    max_body_bytes: Annotated[int, Field(gt=0, le=64 * 1024 * 1024)] = Field(
        default=MAX_BODY_BYTES, description="A longer answer, after decompression, is a failure of the body."
    )

    _is_one_line = field_validator("password", "bearer_token")(without_control_characters)

    @model_validator(mode="after")
    def _authenticates_in_one_way(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("of username and password one is missing; give both or neither")
        ways = [
            name
            for name, is_given in (
                ("username", self.username is not None),
                ("bearer_token", self.bearer_token is not None),
                ("headers.Authorization", any(name.lower() == "authorization" for name in self.headers)),
            )
            if is_given
        ]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} are given; authenticate in one way")
        return self

    @model_validator(mode="after")
    def _has_a_body_to_judge(self) -> Self:
        judges_json = bool(self.json_must_equal or self.json_must_exist)
        if self.method == "HEAD" and (judges_json or self.body_must_match is not None):
            raise ValueError("method HEAD gets no body that could be judged; write GET")
        if judges_json and self.max_body_bytes > MAX_JSON_BYTES:
            raise ValueError(f"max_body_bytes exceeds {MAX_JSON_BYTES}, the most to judge as JSON; lower it")
        return self

    def sent_headers(self) -> dict[str, str]:
        headers = {name: value.get_secret_value() for name, value in self.headers.items()}
        if self.username is not None and self.password is not None:
            headers["Authorization"] = basic(self.username, self.password)
        if self.bearer_token is not None:
            headers["Authorization"] = f"Bearer {self.bearer_token.get_secret_value()}"
        return headers

    def assertions(self) -> Assertions | None:
        """None when nothing is asserted."""
        asserted = self.model_dump(
            include={
                "body_must_match",
                "body_must_not_match",
                "headers_must_match",
                "json_must_equal",
                "json_must_exist",
            },
            exclude_defaults=True,
        )
        return Assertions(**asserted) if asserted else None


class HttpProbe(Probe[HttpOptions]):
    kind: ClassVar[str] = "http"
    options_type: ClassVar[type[ProbeOptions]] = HttpOptions

    def __init__(self, dependency: str, options: HttpOptions) -> None:
        super().__init__(dependency, options)
        body = b"" if options.body is None else options.body.get_secret_value().encode()
        self._request = Request(
            str(options.url), options.method, options.sent_headers(), body, options.max_body_bytes
        )
        self._assertions = options.assertions()
        self._accepted = frozenset(options.accepted_status_codes)
        # Who accepts a redirect wants to see it.
        max_redirects = 0 if self._accepted & REDIRECTS else options.max_redirects
        self._routes = Routes(options, is_https=options.url.scheme == "https", max_redirects=max_redirects)

    async def check(self, findings: Findings) -> None:
        """Fetch once.

        Raises:
            ProbeFailure: as `exchange`; 401 and 403 are `auth`, 429 is `quota`, any other refused code is
                `status`; an assertion that doesn't hold is `body`.
        """
        answer = await exchange(self._request, self._routes.current(), findings)
        self._judge_status(answer.status)
        if self._assertions is not None:
            await self._assertions.judge(answer)
            findings.note("assertions hold")

    def _judge_status(self, status: int) -> None:
        if status in self._accepted if self._accepted else 200 <= status <= 299:
            return
        reason = Reason.STATUS
        if status in _AUTH_STATUSES:
            reason = Reason.AUTH
        elif status == _QUOTA_STATUS:
            reason = Reason.QUOTA
        raise ProbeFailure(reason, f"status {status}")
