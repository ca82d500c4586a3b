"""`python -m dashboards.drawing BOARD.json --prometheus URL > picture.svg`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from aiohttp import ClientError

from dashboards.drawing.answers import answers
from dashboards.drawing.svg import drawing


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dashboards.drawing")
    parser.add_argument("board", type=Path, metavar="BOARD.json", help="a generated dashboard")
    parser.add_argument(
        "--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="who has the data"
    )
    parser.add_argument("--minutes", type=int, default=15, help="how far back")
    options = parser.parse_args(argv)
    try:
        board = json.loads(options.board.read_text(encoding="utf-8"))
        data = asyncio.run(answers(options.prometheus, board, options.minutes * 60))
    except (OSError, ValueError, ClientError) as error:
        sys.stderr.write(f"{options.board}, {options.prometheus}: {error}\n")
        return 2
    sys.stdout.write(drawing(board, data))
    return 0


if __name__ == "__main__":
    sys.exit(main())
