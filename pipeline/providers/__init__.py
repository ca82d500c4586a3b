"""The services that layers call, one file each: a client and the guard round it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pipeline.dependency import Dependency
from pipeline.meter import Meter
from pipeline.providers.error import ProviderError
from pipeline.providers.openrouter import OpenRouter
from pipeline.providers.pdf_service import PdfService
from pipeline.settings import Settings

__all__ = ["OpenRouter", "PdfService", "ProviderError", "Providers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """Every provider of this process, made once from the settings."""

    openrouter: OpenRouter
    pdf_service: PdfService

    @classmethod
    def open(cls, settings: Settings, meter: Meter) -> Self:
        """Open the clients in the running loop; nothing is sent yet."""
        return cls(openrouter=OpenRouter.open(settings, meter), pdf_service=PdfService.open(settings, meter))

    @property
    def dependencies(self) -> Mapping[str, Dependency]:
        """The guards by name."""
        guards = (self.openrouter.dependency, self.pdf_service.dependency)
        return {guard.name: guard for guard in guards}

    async def close(self) -> None:
        try:
            await self.openrouter.close()
        finally:
            await self.pdf_service.close()
