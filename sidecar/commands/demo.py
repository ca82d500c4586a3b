"""`sidecar demo`: the sidecar with a pipeline beside it, on stand-ins."""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path
from typing import Final

from sidecar.commands.options import add_listen_option, listen_address
from sidecar.commands.stopping import run_until_stopped, status_in_shell
from sidecar.config import ConfigError, ListenAddress
from sidecar.demo.children import ChildError
from sidecar.demo.demo import PYTHON_MODULE, Demo, demo, fetch_document
from sidecar.redaction import Redactor
from sidecar.streams import print_notice, print_result

_NEEDED: Final = ("openai", "firecrawl", "genai_prices", "stamina", "fpdf")
"""By the stand-ins and the pipeline; PyPI has them by other names."""

_ANY_FREE_PORT: Final = ListenAddress("127.0.0.1", 0)
_SOURCE_EXAMPLES: Final = Path(__file__).parents[2] / "examples"
_PACKAGED_EXAMPLES: Final = Path(__file__).parents[2] / "pipeline" / "demo"

_BANNER: Final = """
The sidecar watches a pipeline that runs the same postings again and again.

  status page   {url}/
  metrics       {url}/metrics
  health        {url}/api/health/status

Play with it, here with the PDF service:

  kill {pid}
  {python} pipeline.demo pdf_service --listen {address}
  curl -X PUT {stand_in}/_fault -d '{{"mode": "hang"}}'     also fail, slow, rate_limit, none

Ctrl-C ends everything.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    add_listen_option(parser)
    parser.add_argument("--jobs", type=Path, metavar="PATH", help="a posting, or a directory of them")
    parser.add_argument("--output", type=Path, metavar="DIR", help="keep what the pipeline writes")
    parser.add_argument(
        "--once",
        action="store_true",
        help="run the jobs once, print the health document and end; exit status 0 if all succeeded",
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    jobs = arguments.jobs or _examples() / "postings"
    _check(jobs, arguments.output)
    listen = listen_address(arguments) or (_ANY_FREE_PORT if arguments.once else None)
    work = _demo(jobs, arguments.output, listen, arguments.redactor, once=arguments.once)
    return run_until_stopped(work, is_service=not arguments.once, needs_terminal=True)


def _check(jobs: Path, output: Path | None) -> None:
    """Before anything is started."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError((f"{', '.join(missing)}: not installed; run pip install 'pipeline-sidecar[demo]'",))
    try:
        jobs.stat()
    except (OSError, ValueError) as error:
        is_missing = isinstance(error, FileNotFoundError)
        reason = "does not exist" if is_missing else f"cannot be read: {_reason(error)}"
        raise ConfigError((f"--jobs: {jobs} {reason}; give a posting or a directory of them",)) from None
    if output is None:
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise ConfigError(
            (f"--output: {output} cannot be written: {_reason(error)}; name a directory",)
        ) from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


async def _demo(
    jobs: Path, output: Path | None, listen: ListenAddress | None, redactor: Redactor, *, once: bool
) -> int:
    try:
        async with demo(
            jobs=jobs,
            cv=_examples() / "cv.md",
            output=output,
            listen=listen,
            environment=os.environ,
            redactor=redactor,
            once=once,
            say=_say,
        ) as running:
            if not once:
                _say(_banner(running))
            worker_status = status_in_shell(await running.worker.wait())
            if once:
                print_result(await fetch_document(running.url))
                return worker_status
    except ChildError as error:
        _say(str(error))
        return 1
    _say(f"the pipeline worker ended by itself, with status {worker_status}")
    return worker_status or 1


def _banner(running: Demo) -> str:
    victim = running.stand_ins["pdf_service"]
    return _BANNER.format(
        url=running.url,
        pid=victim.pid,
        python=" ".join(PYTHON_MODULE),
        stand_in=victim.url,
        address=victim.url.removeprefix("http://"),
    )


def _say(line: str) -> None:
    """On standard error: with `--once` standard output is for the document alone."""
    print_notice(line)


def _examples() -> Path:
    return _SOURCE_EXAMPLES if _SOURCE_EXAMPLES.is_dir() else _PACKAGED_EXAMPLES
