"""What `pipeline run` reads from the environment, checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.ledger.settings import LedgerSettings
from pipeline.prices import Prices
from pipeline.variables import Variables

MAX_CV_BYTES: Final = 20 * 1024
"""So that a prompt has room for all of it, with the numbers of its lines."""

_DAY_SECONDS: Final = 24 * 3600
_MONTH_SECONDS: Final = 31 * _DAY_SECONDS


class SettingsError(Exception):
    """Every mistake at once, one line each in `problems`; none carries a secret."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class ModelProvider:
    """A provider of language models: where its API is, and the model that it is asked for, by default.

    `listed_at` is the page that lists its models, for a message.
    """

    name: str
    base_url: str
    model: str
    listed_at: str

    @property
    def key_variable(self) -> str:
        return f"{self.name.upper()}_API_KEY"


MODEL_PROVIDERS: Final = (
    ModelProvider(
        "openrouter", "https://openrouter.ai/api/v1", "openai/gpt-4o-mini", "https://openrouter.ai/models"
    ),
    ModelProvider(
        "anthropic",
        "https://api.anthropic.com",
        "claude-haiku-4-5",
        "https://docs.claude.com/en/docs/about-claude/models",
    ),
    ModelProvider(
        "openai", "https://api.openai.com/v1", "gpt-4o-mini", "https://platform.openai.com/docs/models"
    ),
)
"""In the order in which they are asked where LLM_PROVIDERS gives no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccess:
    """Where a service is and the key it wants; `model` for one of language models."""

    name: str
    api_key: str = field(repr=False)
    base_url: str
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Checked settings. URLs have no slash at their end; the PDF service's may carry a password.

    Attributes:
        language_models: Those with a key, in the order in which they are asked; at least one.
        pdf_service_url: Gotenberg's.
        candidate_cv: The candidate's CV, Markdown.
        firecrawl: None: nothing is looked up on the web.
        mongodb_uri: None: results are kept as files alone.
        mongodb_database: Where results go to in MongoDB.
        prices: What things cost, where the user says otherwise than the providers.
        research_ttl_seconds: For so long what was found out about a company is not looked up again.
        spool: Where the sidecar reads the metrics; None: they stay in memory.
        ledger: Budget and rate limits.
    """

    language_models: tuple[ServiceAccess, ...]
    pdf_service_url: str = field(repr=False)
    candidate_cv: str = field(repr=False)
    firecrawl: ServiceAccess | None = None
    mongodb_uri: str | None = field(default=None, repr=False)
    mongodb_database: str = "pipeline"
    prices: Prices = field(default_factory=Prices)
    research_ttl_seconds: int = _DAY_SECONDS
    spool: Path | None = None
    ledger: LedgerSettings = field(default_factory=LedgerSettings)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """A variable that is empty counts as not set.

        Raises:
            SettingsError: with all that is wrong.
        """
        variables = Variables(environment)
        ttl_seconds = variables.whole_number("RESEARCH_TTL_SECONDS", least=1, most=_MONTH_SECONDS)
        settings = cls(
            language_models=_language_models(variables),
            firecrawl=_firecrawl(variables),
            pdf_service_url=variables.url("PDF_SERVICE_URL", default=None, allows_password=True),
            candidate_cv=variables.text_in_file(
                "CANDIDATE_CV",
                what="the CV",
                max_bytes=MAX_CV_BYTES,
                remedy="set it to the path of the candidate's CV in Markdown, such as examples/cv.md",
            ),
            mongodb_uri=variables.mongodb_uri("MONGODB_URI"),
            mongodb_database=variables.name("MONGODB_DATABASE", default="pipeline"),
            prices=variables.prices("PRICES_FILE"),
            research_ttl_seconds=_DAY_SECONDS if ttl_seconds is None else ttl_seconds,
            spool=variables.path("SIDECAR_SPOOL"),
            ledger=LedgerSettings.read(variables),
        )
        if variables.problems:
            raise SettingsError(tuple(variables.problems))
        return settings


def _language_models(variables: Variables) -> tuple[ServiceAccess, ...]:
    """Those with a key, in order. What is wrong with one that is not asked for is told as well."""
    found: dict[str, ServiceAccess] = {}
    for provider in MODEL_PROVIDERS:
        variable = provider.name.upper()
        api_key = variables.optional_secret(provider.key_variable)
        base_url = variables.url(f"{variable}_BASE_URL", default=provider.base_url, allows_password=False)
        model = variables.model_name(
            f"{variable}_MODEL", default=provider.model, listed_at=provider.listed_at
        )
        if api_key is not None:
            found[provider.name] = ServiceAccess(
                name=provider.name, api_key=api_key, base_url=base_url, model=model
            )
    order = variables.names("LLM_PROVIDERS", known=[provider.name for provider in MODEL_PROVIDERS])
    if not any(name in found for name in order):
        keys = [provider.key_variable for provider in MODEL_PROVIDERS if provider.name in order]
        remedy = f"set {' or '.join(keys)}, or the same with _FILE" if keys else "name one"
        variables.refuse("LLM_PROVIDERS", ",".join(order), "has no provider with a key", remedy)
    return tuple(found[name] for name in order if name in found)


def _firecrawl(variables: Variables) -> ServiceAccess | None:
    base_url = variables.url("FIRECRAWL_API_URL", default="https://api.firecrawl.dev", allows_password=False)
    api_key = variables.optional_secret("FIRECRAWL_API_KEY")
    return None if api_key is None else ServiceAccess(name="firecrawl", api_key=api_key, base_url=base_url)
