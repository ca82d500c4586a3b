"""What `pipeline run` reads from the environment, checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

_MAX_KEY_FILE_BYTES: Final = 4096
_HIDDEN: Final = "(value not shown)"


class SettingsError(Exception):
    """Every mistake at once, one line each in `problems`; none carries a secret."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Checked settings. URLs have no slash at their end; the PDF service's may carry a password."""

    openrouter_api_key: str = field(repr=False)
    pdf_service_url: str = field(repr=False)
    openrouter_base_url: str = "https://openrouter.ai/api/v1"
    openrouter_model: str = "openai/gpt-4o-mini"
    spool: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """A variable that is empty counts as not set.

        Raises:
            SettingsError: with all that is wrong.
        """
        reader = _Reader(environment)
        api_key = reader.secret(
            "OPENROUTER_API_KEY", remedy="create a key at https://openrouter.ai/keys and put it there"
        )
        base_url = reader.url(
            "OPENROUTER_BASE_URL", default="https://openrouter.ai/api/v1", allows_password=False
        )
        model = reader.model("OPENROUTER_MODEL", default="openai/gpt-4o-mini")
        pdf_service_url = reader.url("PDF_SERVICE_URL", default=None, allows_password=True)
        spool = reader.text("SIDECAR_SPOOL")
        if reader.problems:
            raise SettingsError(tuple(reader.problems))
        return cls(
            openrouter_api_key=api_key,
            openrouter_base_url=base_url,
            openrouter_model=model,
            pdf_service_url=pdf_service_url,
            spool=None if spool is None else Path(spool),
        )


class _Reader:
    """Reads variables and collects what is wrong; a value that is wrong reads as an empty text."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, key: str) -> str | None:
        return self._environment.get(key, "").strip() or None

    def secret(self, key: str, *, remedy: str) -> str:
        """The variable, or the content of the file that `<key>_FILE` names."""
        value, file_key = self.text(key), f"{key}_FILE"
        path = self.text(file_key)
        if value is not None and path is not None:
            return self._refuse(key, _HIDDEN, f"is set and so is {file_key}", "unset one of them")
        if path is not None:
            return self._secret_in_file(file_key, path)
        if value is None:
            return self._refuse(key, "", f"is not set, nor is {file_key}", remedy)
        return self._checked_secret(key, value)

    def url(self, key: str, *, default: str | None, allows_password: bool) -> str:
        value = self.text(key)
        if value is None:
            if default is not None:
                return default
            return self._refuse(
                key, "", "is not set", "set it to the service's address, such as http://localhost:3000"
            )
        remedy = "write it like http://host:3000"
        try:
            parts = urlsplit(value)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            return self._refuse(key, _HIDDEN, "is no URL", remedy)
        if not usable or not value.isprintable() or " " in value:
            return self._refuse(key, _shown(parts), "is no http or https URL with a host", remedy)
        if parts.query or parts.fragment:
            return self._refuse(
                key, _shown(parts), "has a query or a fragment", "leave out what follows ? or #"
            )
        if parts.username is not None and not allows_password:
            return self._refuse(
                key, _shown(parts), "carries a user or password", "leave out what stands before @"
            )
        return value.rstrip("/")

    def model(self, key: str, *, default: str) -> str:
        value = self.text(key)
        if value is None:
            return default
        if not value.isprintable() or any(character.isspace() for character in value):
            return self._refuse(
                key,
                repr(value),
                "is no model name",
                f"take one from https://openrouter.ai/models, as {default}",
            )
        return value

    def _secret_in_file(self, file_key: str, path: str) -> str:
        try:
            with Path(path).open("rb") as file:
                content = file.read(_MAX_KEY_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no valid path"
            return self._refuse(
                file_key,
                _shown_path(path),
                f"cannot be read ({reason})",
                "name a file that this user can read",
            )
        if len(content) > _MAX_KEY_FILE_BYTES:
            return self._refuse(
                file_key,
                _shown_path(path),
                f"is longer than {_MAX_KEY_FILE_BYTES} bytes",
                "put the key alone into it",
            )
        # Latin-1 takes any byte; what is no ASCII is refused by the check.
        return self._checked_secret(file_key, content.decode("latin-1").strip())

    def _checked_secret(self, key: str, value: str) -> str:
        if not value:
            return self._refuse(key, "", "names a file without a key", "put the key into it")
        if not value.isascii() or not value.isprintable() or " " in value:
            return self._refuse(
                key, _HIDDEN, "has characters that no key has", "copy the key again, without spaces or quotes"
            )
        return value

    def _refuse(self, key: str, shown: str, rule: str, remedy: str) -> str:
        self.problems.append(f"{key}: {shown} {rule}; {remedy}" if shown else f"{key}: {rule}; {remedy}")
        return ""


def _shown(url: SplitResult) -> str:
    """Scheme and host: the rest may carry a secret."""
    try:
        host = url.hostname
    except ValueError:
        host = None
    return repr(f"{url.scheme}://{host}") if url.scheme and host else _HIDDEN


def _shown_path(path: str) -> str:
    """What does not begin as a path does may be the key itself, put where its file's path belongs."""
    return repr(path) if path.startswith(("/", "./", "../")) else "the file"
