"""`python -m pipeline.demo NAME [--listen HOST:PORT]` serves one stand-in until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import NoReturn

from aiohttp import web

from pipeline.demo.stand_ins import NAMES, create_app

# What is still under way gets this long; with the rest it makes less than a second from signal to exit.
_SHUTDOWN_TIMEOUT_SECONDS = 0.3
_USAGE_ERROR = 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one line, without the usage before it."""
        self.exit(_USAGE_ERROR, f"{self.prog}: {message}\n")


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT with a port from 0 to 65535")
    return host, int(port)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="python -m pipeline.demo", description=__doc__)
    parser.add_argument("name", metavar="NAME", choices=NAMES, help=", ".join(NAMES))
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        type=_address,
        default=("127.0.0.1", 0),
        help="where to listen; port 0, the default, takes a free one",
    )
    return parser.parse_args(arguments)


async def _serve(name: str, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        OSError: the address cannot be listened on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    runner = web.AppRunner(create_app(name), access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound_host, bound_port = runner.addresses[0][:2]
        shown_host = f"[{bound_host}]" if ":" in bound_host else bound_host
        sys.stdout.write(f"{name} listening on http://{shown_host}:{bound_port}\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status, 2 for what the caller got wrong."""
    options = _parse(arguments)
    host, port = options.listen
    try:
        asyncio.run(_serve(options.name, host, port))
    except OSError as error:
        sys.stderr.write(f"python -m pipeline.demo: cannot listen on {host}:{port}: {error.strerror}\n")
        return _USAGE_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
