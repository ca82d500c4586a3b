"""Registry → health document, as a pure function."""

from sidecar.health.contract import HealthDocument, Status
from sidecar.health.document import health_document

__all__ = ["HealthDocument", "Status", "health_document"]
