"""What the sidecar serves, described: the JSON Schema of the health document, and OpenAPI 3.1."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from sidecar import __version__
from sidecar.health import HealthDocument

_SCHEMA_PATH = "/api/health/schema.json"
_DEPENDENCY_IN_PATH = {"name": "dependency", "in": "path", "required": True, "schema": {"type": "string"}}
_NO_SUCH_DEPENDENCY = {"description": "No such dependency is configured."}


@cache
def health_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the health document, made from its types."""
    schema = TypeAdapter(HealthDocument).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": _SCHEMA_PATH, **schema}


@cache
def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1 of every path that is served."""
    schemas = TypeAdapter(HealthDocument).json_schema(ref_template="#/components/schemas/{model}")
    parts = schemas.pop("$defs")
    document = {"application/json": {"schema": {"$ref": "#/components/schemas/HealthDocument"}}}
    text = {"text/plain": {"schema": {"type": "string"}}}
    exposition = {**text, "application/openmetrics-text": text["text/plain"]}
    json_object = {"application/json": {"schema": {"type": "object"}}}
    json_list = {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pipeline-sidecar",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "What a pipeline depends on, and what it spends there.",
        },
        "components": {"schemas": {**parts, "HealthDocument": schemas}},
        "paths": {
            **_page_paths(),
            "/metrics": {
                "get": _operation(
                    "Every metric, in Prometheus' text format or in OpenMetrics, as Accept asks",
                    {"200": {"description": "The metrics.", "content": exposition}},
                )
            },
            "/api/health/status": {
                "get": _operation(
                    "The health document",
                    {
                        "200": {"description": "Healthy or degraded.", "content": document},
                        "304": {"description": "Unchanged since the ETag of If-None-Match."},
                        "503": {"description": "Unhealthy.", "content": document},
                    },
                )
            },
            _SCHEMA_PATH: {
                "get": _operation(
                    "The JSON Schema of the health document",
                    {"200": {"description": "The schema.", "content": json_object}},
                )
            },
            "/openapi.json": {
                "get": _operation("This description", {"200": {"description": "It.", "content": json_object}})
            },
            "/probe": {
                "get": {
                    **_operation(
                        "Run a configured probe now",
                        {
                            "200": {"description": "Its metrics.", "content": exposition},
                            "400": {"description": "The scrape timeout is no number."},
                            "503": {"description": "A reload ended the run; ask again."},
                            "404": _NO_SUCH_DEPENDENCY,
                        },
                    ),
                    "parameters": [
                        {"name": "dependency", "in": "query", "required": True, "schema": {"type": "string"}},
                        {
                            "name": "X-Prometheus-Scrape-Timeout-Seconds",
                            "in": "header",
                            "required": False,
                            "schema": {"type": "number", "exclusiveMinimum": 0},
                        },
                    ],
                }
            },
            "/debug/probes/{dependency}": {
                "get": {
                    **_operation(
                        "The last results of a probe",
                        {
                            "200": {"description": "Newest first.", "content": json_object},
                            "404": _NO_SUCH_DEPENDENCY,
                        },
                    ),
                    "parameters": [_DEPENDENCY_IN_PATH],
                }
            },
            "/heartbeat/{dependency}": {
                "post": {
                    **_operation(
                        "Tell that a dependency of kind heartbeat lives",
                        {
                            "204": {"description": "Noted."},
                            "401": {"description": "The token is missing or wrong."},
                            "404": _NO_SUCH_DEPENDENCY,
                        },
                    ),
                    "parameters": [_DEPENDENCY_IN_PATH],
                }
            },
            "/sd": {
                "get": _operation(
                    "The sidecars to scrape, for Prometheus' HTTP service discovery",
                    {"200": {"description": "The whole list.", "content": json_list}},
                )
            },
            "/healthz": {"get": _operation("Liveness", {"200": {"description": "Alive.", "content": text}})},
            "/readyz": {
                "get": _operation(
                    "Readiness",
                    {
                        "200": {"description": "Every probe has run once.", "content": text},
                        "503": {"description": "Not yet, or told to stop.", "content": text},
                    },
                )
            },
        },
    }


def _page_paths() -> dict[str, Any]:
    """What people look at."""
    html = {"text/html": {"schema": {"type": "string"}}}
    text = {"text/plain": {"schema": {"type": "string"}}}
    image = {"image/svg+xml": {"schema": {"type": "string"}}}
    stream = {"text/event-stream": {"schema": {"type": "string"}}}
    badge = {"application/json": {"schema": {"type": "object"}}}
    file_in_path = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    last_event = {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
    }
    return {
        "/": {
            "get": _operation(
                "The status page; for who accepts no HTML, the status and a list of paths",
                {"200": {"description": "The page.", "content": {**html, **text}}},
            )
        },
        "/partials/health_status.html": {
            "get": _operation(
                "The status as a fragment for other pages",
                {"200": {"description": "The fragment.", "content": html}},
            )
        },
        "/events": {
            "get": {
                **_operation(
                    "Changes of the health document, as server-sent events",
                    {
                        "200": {
                            "description": "`document`: all of it; `change`: the members that are others "
                            "than before, of `dependencies` only such rows, null for one that is gone; "
                            "`heartbeat`: nothing has changed.",
                            "content": stream,
                        },
                        "503": {"description": "As many listen as may.", "content": text},
                    },
                ),
                "parameters": [last_event],
            }
        },
        "/badge.svg": {
            "get": _operation(
                "The status as an image", {"200": {"description": "The image.", "content": image}}
            )
        },
        "/badge/{dependency}.svg": {
            "get": {
                **_operation(
                    "A dependency's state as an image",
                    {
                        "200": {"description": "The image.", "content": image},
                        "404": {**_NO_SUCH_DEPENDENCY, "content": image},
                    },
                ),
                "parameters": [_DEPENDENCY_IN_PATH],
            }
        },
        "/badge.json": {
            "get": _operation(
                "The status in the format of shields.io's endpoint badge",
                {"200": {"description": "The badge.", "content": badge}},
            )
        },
        "/static/{name}": {
            "get": {
                **_operation(
                    "A file of the page, such as health-badge.js",
                    {
                        "200": {"description": "The file."},
                        "304": {"description": "Unchanged since the ETag of If-None-Match."},
                        "404": {"description": "No such file."},
                    },
                ),
                "parameters": [file_in_path],
            }
        },
    }


def _operation(summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": responses}
