"""Documents → HTML and SVG: what is said, and that nothing in a document is ever markup."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from sidecar.health import HealthDocument
from sidecar.page import view
from sidecar.page.badge import MAX_CHARS, badge_endpoint, badge_svg
from sidecar.page.render import Link, health_status_html, status_page_html
from sidecar.recent import Recent
from tests.sidecar.page.documents import at, document, past, reading, row

HOSTILE = [
    "<script>alert(1)</script>",
    "\"quotes\" 'and' & <b onclick=x>",
    "</title></style><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% raw %}",
    "مرحبا \u202egnp.exe",
    "n" * 200,
    "🔥 emoji 👩‍🚀",
    "javascript:alert(1)",
]
ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "link",
        "script",
        "body",
        "a",
        "header",
        "span",
        "nav",
        "main",
        "section",
    ),
    *(
        "svg",
        "path",
        "rect",
        "div",
        "h1",
        "h2",
        "h3",
        "p",
        "small",
        "b",
        "bdi",
        "strong",
        "time",
        "ol",
        "ul",
        "li",
    ),
    *("dl", "dt", "dd", "code", "footer", "details", "summary", "health-badge"),
}
LAYER = {"runs": 41, "failures": 1, "mean_duration_seconds": 4.1, "cost_usd": 0.2}


class Page(HTMLParser):
    """Its text, and every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self._text).split())


def hostile() -> HealthDocument:
    return document(
        "degraded",
        summary="; ".join(HOSTILE[:3]),
        dependencies={
            name: row("down", reason=name, kind=name, breaker={"state": name, "workers": {name: 1}})
            for name in HOSTILE
        },
        pipeline={
            "jobs": {"running": 1, "succeeded": 1, "degraded": 0, "failed": 1, "success_rate": 0.5},
            "cost_usd": 1.0,
            "wasted_cost_usd": 1.0,
            "layers": [{"layer": name, "running": 1, **LAYER} for name in HOSTILE],
        },
        rate_limits=[{"dependency": name, "window": name, "limit": 10, "remaining": 1} for name in HOSTILE],
    )


def page(whole: HealthDocument, recent: Recent | None = None) -> Page:
    return Page(status_page_html(reading(whole), recent or past(whole["dependencies"], changes=3)))


@pytest.mark.parametrize("render", [status_page_html, health_status_html])
def test_names_and_reasons_are_shown_as_text_whatever_they_hold(render: Any) -> None:
    shown = Page(render(reading(hostile()), past(HOSTILE, changes=2)))
    for name in HOSTILE:
        assert " ".join(name.replace("\u202e", "\ufffd").split()) in shown.text
    assert "\u202e" not in shown.text
    assert {tag for tag, _ in shown.tags} <= ALLOWED
    for tag, attributes in shown.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
        for address in (attributes.get("href"), attributes.get("src")):
            assert address is None or not re.match(r"(?i)javascript:|//|https?:", address)


def test_no_script_or_style_is_inline_and_nothing_comes_from_elsewhere() -> None:
    shown = page(document(dependencies={"a": row()}))
    scripts = [attributes for tag, attributes in shown.tags if tag == "script"]
    assert scripts
    assert all(script["src"] for script in scripts)
    assert not any(tag == "style" for tag, _ in shown.tags)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_badge_is_an_image_of_its_text(name: str) -> None:
    image = ET.fromstring(badge_svg(name, name, "down"))  # noqa: S314
    shown = name.replace("\u202e", "\ufffd")
    if len(shown) > MAX_CHARS:
        shown = shown[: MAX_CHARS - 1] + "…"
    kinds = {element.tag.partition("}")[2] for element in image.iter()}
    assert kinds == {"svg", "title", "rect", "path", "g", "text"}
    assert image.attrib["aria-label"] == f"{shown}: {shown}"
    assert [element.text for element in image.iter() if element.tag.endswith("text")] == [shown, shown]


def test_a_badge_for_shields_follows_its_format() -> None:
    assert badge_endpoint("pipeline", "degraded", "degraded") == {
        "schemaVersion": 1,
        "label": "pipeline",
        "message": "degraded",
        "color": "yellow",
    }


@pytest.mark.parametrize("render", [status_page_html, health_status_html])
def test_a_dependency_that_is_down_is_told_with_reason_and_time(render: Any) -> None:
    breaker = {"state": "open", "workers": {"closed": 1, "half_open": 0, "open": 3}}
    broken = row("down", reason="timeout", latency_seconds=5.0, last_checked_at=at(7), breaker=breaker)
    whole = document(
        "degraded", summary="pdf_service is down (timeout)", dependencies={"pdf_service": broken}
    )
    text = Page(render(reading(whole), past())).text
    for words in (
        "Degraded",
        "pdf_service",
        "down",
        "did not answer in time",
        "5 s",
        "7 s ago",
        "open in 3 of 4",
    ):
        assert words in text


def test_the_worst_comes_first_and_what_is_critical_before_others() -> None:
    rows = {"a": row(), "b": row("unknown"), "c": row("degraded"), "d": row("down")}
    rows |= {"e": row("down", critical=True), "f": row("new")}
    shown = [one.name for one in view.rows(document(dependencies=rows), past(), 0.0)]
    assert shown == ["e", "d", "c", "b", "a", "f"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (row(), ""),
        (row("down", reason="tls"), "its certificate or encryption was not acceptable"),
        (row("unknown", last_checked_at=None), "not checked yet"),
        (row("up", stale=True), "no probe has run of late"),
        (row("unknown", kind=None), "called, not probed"),
    ],
)
def test_why_a_dependency_is_as_it_is(entry: Any, said: str) -> None:
    assert view.why(entry) == said


def test_a_hundred_findings_are_cut_short() -> None:
    summary = "; ".join(f"d{number} is down" for number in range(100))
    shown = view.headline(document("degraded", summary=summary))["summary"]
    assert shown == "d0 is down; d1 is down; d2 is down; and 97 more"


@pytest.mark.parametrize(
    ("budget", "pace", "said", "mark"),
    [
        ((100.0, 0.0, 0.0, "ok"), None, "$0.00 of $100.00 spent", "up"),
        ((100.0, 81.0, 0.5, "warning"), None, "$81.00 of $100.00 spent, $0.50 reserved", "degraded"),
        (
            (100.0, 50.0, 0.0, "ok"),
            25.0,
            "$50.00 of $100.00 spent; at the pace of the last hour the rest lasts 2 h",
            "up",
        ),
        (
            (100.0, 99.8, 0.0, "spent"),
            25.0,
            "$99.80 of $100.00 spent; too little is left for what is asked",
            "down",
        ),
        ((100.0, 100.5, 0.0, "spent"), 25.0, "$100.50 of $100.00 spent", "down"),
        ((0.0, 0.0, 0.0, "spent"), 0.0, "$0.00 of $0.00 spent", "down"),
    ],
)
def test_the_budget_in_words(
    budget: tuple[float, float, float, str], pace: float | None, said: str, mark: str
) -> None:
    limit, spent, reserved, state = budget
    bar = view.budget_bar(
        {"limit_usd": limit, "spent_usd": spent, "reserved_usd": reserved, "state": state}, pace
    )
    assert (bar.words, bar.mark) == (said, mark)
    assert 0 <= bar.filled <= bar.filled + bar.also <= 100


@pytest.mark.parametrize(("remaining", "mark"), [(600, "up"), (60, "up"), (59, "degraded"), (0, "down")])
def test_a_rate_limit_warns_before_it_is_used_up(remaining: int, mark: str) -> None:
    limits = [{"dependency": "firecrawl", "window": "day", "limit": 600, "remaining": remaining}]
    (bar,) = view.rate_limit_bars(document(rate_limits=limits))
    assert (bar.label, bar.words, bar.mark) == ("firecrawl a day", f"{remaining} of 600 left", mark)


def test_a_page_without_anything_says_what_to_do() -> None:
    text = page(document(checked_at=None), past()).text
    assert "Nothing is watched" in text
    assert "No worker has written to the spool yet" in text
    assert "No dependency has changed its state" in text


def test_links_to_elsewhere_are_those_given() -> None:
    html = status_page_html(reading(document()), past(), (Link("Grafana", "https://grafana.example/d/1"),))
    assert '<a href="https://grafana.example/d/1">Grafana</a>' in html


def test_ten_dependencies_take_less_than_30_kib_compressed() -> None:
    names = [f"dependency_{number}" for number in range(10)]
    layers = [{"layer": name, "running": 1, **LAYER} for name in names[:7]]
    whole = document(dependencies=dict.fromkeys(names, row()))
    whole["pipeline"]["layers"] = layers  # type: ignore[typeddict-item]
    for html in (
        status_page_html(reading(whole), past(names, changes=50)),
        health_status_html(reading(whole), past(names)),
    ):
        assert len(gzip.compress(html.encode())) < 30 * 1024
