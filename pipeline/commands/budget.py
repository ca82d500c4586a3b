"""`pipeline budget`: what is spent, by whom, and how to begin anew."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from pipeline.commands.command import Command
from pipeline.environment import EnvironmentReader
from pipeline.jobs import UsageError
from pipeline.ledger import LedgerSettings
from pipeline.ledger.local_budget import FILE_NAME
from pipeline.ledger.opening import open_budget
from pipeline.ledger.protocol import NANO_USD_PER_USD, BudgetLedger, BudgetState, LedgerError, Period
from pipeline.progress.output import print_result
from pipeline.settings import SettingsError

_NOT_DONE: Final = 1
_DEFAULT_DAYS: Final = 30
_MAX_DAYS: Final = 400
_PERIODS: Final = {Period.DAY: "a day", Period.MONTH: "a month", Period.TOTAL: "in total"}

Action = Callable[[argparse.Namespace, LedgerSettings, BudgetLedger], int]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    show = actions.add_parser("show", help="what is spent, reserved and left, and when it begins anew")
    history = actions.add_parser("history", help="what was spent by day and layer")
    history.add_argument(
        "--days",
        metavar="N",
        type=_days,
        default=_DEFAULT_DAYS,
        help=f"the last N days on which something was spent; default: {_DEFAULT_DAYS}",
    )
    reset = actions.add_parser("reset", help="nothing is spent in this period from now on")
    reset.add_argument("--yes", action="store_true", help="don't ask first")
    for action in (show, history):
        action.add_argument("--json", action="store_true", help="write JSON instead of a table")


def _execute(options: argparse.Namespace) -> int:
    """Returns 0; 1 when the ledger could not be asked, or its user said no."""
    settings = _settings()
    _check_there(settings)
    try:
        ledger = open_budget(settings)
    except LedgerError as error:
        raise UsageError(str(error.strerror)) from None
    if ledger is None:
        raise UsageError("TOKEN_BUDGET_USD: is not set; set it to the budget in US dollars")
    try:
        return _ACTIONS[options.action](options, settings, ledger)
    except LedgerError as error:
        sys.stderr.write(f"pipeline budget: {error.strerror}\n")
        return _NOT_DONE
    finally:
        asyncio.run(ledger.close())


def _settings() -> LedgerSettings:
    reader = EnvironmentReader(os.environ)
    settings = LedgerSettings.read(reader)
    if reader.problems:
        raise SettingsError(tuple(reader.problems))
    if settings.budget_nano_usd is not None and settings.directory is None and settings.mongodb_uri is None:
        raise UsageError(
            "LEDGER_DIRECTORY: is not set, nor is LEDGER_MONGODB_URI, and a budget in memory is its process'"
            " own; set the one that the pipeline runs with"
        )
    return settings


def _check_there(settings: LedgerSettings) -> None:
    """To look is not to begin: a ledger that is made by whoever looks first could be nobody else's."""
    if settings.budget_nano_usd is None or settings.mongodb_uri is not None or settings.directory is None:
        return
    try:
        is_there = (settings.directory / FILE_NAME).exists()
    except OSError:
        return  # to open it says why
    if not is_there:
        raise UsageError(
            f"LEDGER_DIRECTORY: {settings.directory} holds no {FILE_NAME}; nothing was spent there yet,"
            " or name the directory that the pipeline runs with"
        )


def _show(options: argparse.Namespace, settings: LedgerSettings, ledger: BudgetLedger) -> int:
    state = ledger.read()
    if options.json:
        _write_json(_document(settings, state))
        return 0
    enforced = "enforced" if settings.enforce else "not enforced"
    rows = [
        ("budget", f"{_usd(state.limit_nano_usd)} USD {_PERIODS[settings.period]}, {enforced}"),
        ("spent", f"{_usd(state.spent_nano_usd)} USD, {state.spent_nano_usd / state.limit_nano_usd:.1%}"),
        ("reserved", f"{_usd(state.reserved_nano_usd)} USD for calls under way"),
        ("remaining", f"{_usd(state.remaining_nano_usd)} USD"),
        ("resets", "never" if state.resets_at is None else f"{_time(state.resets_at):%Y-%m-%d %H:%M} UTC"),
        ("state", _judged(settings, state)),
    ]
    print_result("".join(f"{name:<11}{value}\n" for name, value in rows))
    return 0


def _history(options: argparse.Namespace, settings: LedgerSettings, ledger: BudgetLedger) -> int:
    del settings
    spent = ledger.history()
    days = set(sorted({entry.day for entry in spent})[-options.days :])
    kept = [entry for entry in spent if entry.day in days]
    if options.json:
        _write_json(
            [
                {
                    "day": entry.day.isoformat(),
                    "layer": entry.layer,
                    "spent_usd": entry.spent_nano_usd / NANO_USD_PER_USD,
                }
                for entry in kept
            ]
        )
        return 0
    if not kept:
        print_result("nothing was spent yet\n")
        return 0
    rows = [("day", "layer", "USD")]
    rows += [(entry.day.isoformat(), entry.layer, _usd(entry.spent_nano_usd)) for entry in kept]
    rows.append(("total", "", _usd(sum(entry.spent_nano_usd for entry in kept))))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    print_result(
        "".join(f"{d:<{widths[0]}}  {layer:<{widths[1]}}  {usd:>{widths[2]}}\n" for d, layer, usd in rows)
    )
    return 0


def _reset(options: argparse.Namespace, settings: LedgerSettings, ledger: BudgetLedger) -> int:
    state = ledger.read()
    spent = f"{_usd(state.spent_nano_usd)} of {_usd(state.limit_nano_usd)} USD"
    if not options.yes:
        if not sys.stdin.isatty():
            raise UsageError("reset: asks first, and standard input is no terminal; add --yes")
        sys.stderr.write(f"{spent} are spent {_PERIODS[settings.period]}; count from 0 again? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            sys.stderr.write("nothing was changed\n")
            return _NOT_DONE
    ledger.reset()
    print_result(f"{spent} were spent; the budget counts from 0 again\n")
    return 0


_ACTIONS: Final[dict[str, Action]] = {"show": _show, "history": _history, "reset": _reset}


def _document(settings: LedgerSettings, state: BudgetState) -> dict[str, object]:
    return {
        "limit_usd": state.limit_nano_usd / NANO_USD_PER_USD,
        "spent_usd": state.spent_nano_usd / NANO_USD_PER_USD,
        "reserved_usd": state.reserved_nano_usd / NANO_USD_PER_USD,
        "remaining_usd": state.remaining_nano_usd / NANO_USD_PER_USD,
        "period": settings.period.value,
        "resets_at": None if state.resets_at is None else f"{_time(state.resets_at):%Y-%m-%dT%H:%M:%SZ}",
        "enforced": settings.enforce,
        "state": _judged(settings, state),
    }


def _judged(settings: LedgerSettings, state: BudgetState) -> str:
    if state.spent_nano_usd >= state.limit_nano_usd:
        return "spent"
    is_near = state.spent_nano_usd >= settings.warn_ratio * state.limit_nano_usd
    return "warning" if is_near else "ok"


def _usd(nano_usd: int) -> str:
    return f"{nano_usd / NANO_USD_PER_USD:,.6f}"


def _time(unix_seconds: float) -> datetime:
    return datetime.fromtimestamp(unix_seconds, UTC)


def _days(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MAX_DAYS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_MAX_DAYS}")


def _write_json(content: dict[str, object] | Sequence[dict[str, object]]) -> None:
    print_result(json.dumps(content, indent=2) + "\n")


BUDGET: Final = Command(
    name="budget",
    help="show what is spent, by day and layer; begin anew",
    add_arguments=_add_arguments,
    execute=_execute,
)
