"""A snapshot of the registry in the formats that Prometheus reads, and back."""

from sidecar.exposition.formats import OPENMETRICS, TEXT, Format
from sidecar.exposition.negotiation import choose_format
from sidecar.exposition.parse import from_text
from sidecar.exposition.render import Renderer

__all__ = ["OPENMETRICS", "TEXT", "Format", "Renderer", "choose_format", "from_text"]
