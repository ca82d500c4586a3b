"""The services that layers call, one file each: a client and the guard round it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pipeline.dependency import Dependency
from pipeline.providers.error import ProviderError
from pipeline.providers.guarded import RETRIES, Guards
from pipeline.providers.language_models import LanguageModels
from pipeline.providers.pdf_service import PdfService
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.providers.firecrawl import FireCrawl
    from pipeline.providers.mongodb import MongoDB

__all__ = ["Guards", "LanguageModels", "PdfService", "ProviderError", "Providers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """Every provider of this process, made once from the settings; None for what they leave out."""

    language_models: LanguageModels
    pdf_service: PdfService
    firecrawl: FireCrawl | None = None
    mongodb: MongoDB | None = None

    @classmethod
    def open(cls, settings: Settings, guards: Guards) -> Self:
        """Open the clients in the running loop; nothing is sent yet."""
        return cls(
            language_models=LanguageModels.open(settings, guards),
            pdf_service=PdfService.open(settings, guards),
            firecrawl=_firecrawl(settings, guards),
            mongodb=_mongodb(settings, guards),
        )

    @property
    def dependencies(self) -> Mapping[str, Dependency]:
        """The guards by name, of those providers that there are."""
        others = (self.pdf_service, self.firecrawl, self.mongodb)
        present = (*self.language_models.models, *(other for other in others if other is not None))
        return {provider.dependency.name: provider.dependency for provider in present}

    async def close(self) -> None:
        async with AsyncExitStack() as closing:
            for provider in (self.language_models, self.pdf_service, self.firecrawl, self.mongodb):
                if provider is not None:
                    closing.push_async_callback(provider.close)


# Their clients are imported only by those who use them.
def _firecrawl(settings: Settings, guards: Guards) -> FireCrawl | None:
    if settings.firecrawl is None:
        return None
    from pipeline.providers.firecrawl import NAME, FireCrawl, falls_back_on

    dependency = guards.guarded(NAME, paid=True, retries=RETRIES, falls_back_on=falls_back_on)
    return FireCrawl(settings.firecrawl, dependency, settings.prices)


def _mongodb(settings: Settings, guards: Guards) -> MongoDB | None:
    if settings.mongodb_uri is None:
        return None
    from pipeline.providers.mongodb import NAME, MongoDB

    return MongoDB(settings.mongodb_uri, settings.mongodb_database, guards.guarded(NAME))
