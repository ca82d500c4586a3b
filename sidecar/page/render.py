"""Views → HTML. Every value is escaped by the templates' engine; no template marks anything as safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from sidecar import __version__
from sidecar.documents import Reading
from sidecar.page import formats, view
from sidecar.page.assets import asset_path
from sidecar.page.marks import MARKS
from sidecar.recent import Recent

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True)
class Link:
    """To somewhere else than the page itself."""

    label: str
    href: str


OWN_LINKS: Final = (Link("Metrics", "metrics"), Link("Document", "api/health/status"))


def status_page_html(reading: Reading, recent: Recent, links: Sequence[Link] = OWN_LINKS) -> str:
    """The whole page. Every path in it is relative, so that it works behind a prefix too."""
    shown = view.status_page(reading, recent)
    return _environment().get_template("status_page.html").render(shown, links=links, version=__version__)


def health_status_html(reading: Reading, recent: Recent) -> str:
    """A fragment for other pages: it needs neither script nor style."""
    return _environment().get_template("health_status.html").render(view.status_page(reading, recent))


def status_text(reading: Reading, paths: str) -> str:
    """For who asks for no HTML: the status, and where to look on."""
    shown = view.headline(reading.document)
    return f"pipeline-sidecar: {shown['word'].lower()}: {shown['summary']}\n\n{paths}"


@cache
def _environment() -> Environment:
    # Not before somebody looks at the page: a sidecar that nobody looks at should be small.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sidecar.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_visible,
    )
    environment.globals.update(marks=MARKS, static=asset_path)
    environment.filters.update(
        seconds=formats.seconds,
        usd=formats.usd,
        count=formats.count,
        percent=formats.percent,
        ago=formats.ago,
        timestamp=formats.timestamp,
        rfc3339=_rfc3339,
    )
    return environment


def _visible(value: object) -> object:
    # Markup is what a macro gives back: its parts went through here already.
    return formats.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _rfc3339(timestamp_seconds: float) -> str:
    moment = datetime.fromtimestamp(timestamp_seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
