"""The stand-ins there are, and the application that serves one."""

from __future__ import annotations

from aiohttp import web

from pipeline.demo.anthropic import ANTHROPIC
from pipeline.demo.calls import count_calls, install_calls
from pipeline.demo.faults import inject_faults, install_faults
from pipeline.demo.firecrawl import FIRECRAWL
from pipeline.demo.openai import OPENAI
from pipeline.demo.openrouter import OPENROUTER
from pipeline.demo.pdf_service import PDF_SERVICE
from pipeline.demo.stand_in import MAX_BODY_BYTES, StandIn, require_credential, shape_errors

STAND_INS: tuple[StandIn, ...] = (OPENROUTER, OPENAI, ANTHROPIC, FIRECRAWL, PDF_SERVICE)
NAMES: tuple[str, ...] = tuple(stand_in.name for stand_in in STAND_INS)


def create_app(name: str) -> web.Application:
    """One stand-in with its own credits, counters and fault; two applications share nothing.

    Raises:
        ValueError: no stand-in has that name; the message lists those there are.
    """
    stand_in = next((candidate for candidate in STAND_INS if candidate.name == name), None)
    if stand_in is None:
        raise ValueError(f"{name!r} is not a stand-in; there are {', '.join(NAMES)}")
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[  # outermost first
            count_calls,
            shape_errors(stand_in),
            inject_faults,
            require_credential(stand_in),
        ],
    )
    install_calls(app)
    install_faults(app)
    stand_in.install(app)
    return app
