"""A dollar, 128 tasks, calls of any cost up to what they hold: in one process, in eight, in killed ones."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.ledger import NANO_USD_PER_USD, BudgetState, LedgerError
from pipeline.ledger.local_budget import LocalBudget
from tests.e2e.local_ledger.spender import LIMIT_USD, MAX_CALL_USD, Spender

ROOT = Path(__file__).parents[3]
LIMIT = round(LIMIT_USD * NANO_USD_PER_USD)
MAX_CALL = round(MAX_CALL_USD * NANO_USD_PER_USD)
PROCESSES, TASKS = 8, 128
TIMEOUT_SECONDS = 60


def start(directory: Path, seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.e2e.local_ledger.spender"]
    arguments = [str(directory), str(TASKS // PROCESSES), str(seed)]
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


def state_in(directory: Path) -> BudgetState:
    ledger = LocalBudget(LIMIT, directory=directory)
    try:
        return ledger.state()
    finally:
        asyncio.run(ledger.close())


def adds_up(state: BudgetState) -> bool:
    return (
        state.limit_nano_usd == state.remaining_nano_usd + state.reserved_nano_usd + state.spent_nano_usd
        and state.spent_nano_usd <= LIMIT
    )


@pytest.mark.parametrize("in_file", [False, True])
async def test_128_tasks_spend_at_most_a_dollar_and_leave_less_than_a_call(
    tmp_path: Path, in_file: bool
) -> None:
    ledger = LocalBudget(LIMIT, directory=tmp_path if in_file else None)
    spender = Spender(ledger, seed=7)
    await spender.spend_all(TASKS)
    state = ledger.state()
    await ledger.close()
    assert adds_up(state)
    assert state.spent_nano_usd == spender.spent_nano_usd
    assert state.reserved_nano_usd == 0
    assert 0 <= state.remaining_nano_usd <= MAX_CALL


def test_eight_processes_share_one_dollar_and_one_warning(tmp_path: Path) -> None:
    processes = [start(tmp_path, seed) for seed in range(PROCESSES)]
    told = [process.communicate(timeout=TIMEOUT_SECONDS) for process in processes]
    outputs = [out.split() for out, _ in told]
    assert sum(err.count("budget.warning") for _, err in told) == 1
    assert [process.returncode for process in processes] == [0] * PROCESSES
    state = state_in(tmp_path)
    assert adds_up(state)
    assert state.spent_nano_usd == sum(int(spent) for _, spent in outputs)
    assert state.reserved_nano_usd == 0
    assert 0 <= state.remaining_nano_usd <= MAX_CALL


def test_what_killed_processes_held_is_spent_and_nothing_is_lost(tmp_path: Path) -> None:
    chance = random.Random(11)  # noqa: S311  (the same ones in each run)
    survivors, killed = [], 0
    for seed in range(PROCESSES):
        process = start(tmp_path, seed)
        assert process.stdout is not None
        process.stdout.readline()
        if chance.random() < 0.6:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate(timeout=TIMEOUT_SECONDS)
            killed += 1
        else:
            survivors.append(process)
        before = state_in(tmp_path)
        assert adds_up(before)
    outputs = [process.communicate(timeout=TIMEOUT_SECONDS)[0].split() for process in survivors]
    assert killed >= 2
    assert survivors
    state = state_in(tmp_path)
    assert adds_up(state)
    assert state.reserved_nano_usd == 0
    assert state.spent_nano_usd >= sum(int(output[-1]) for output in outputs)
    assert 0 <= state.remaining_nano_usd <= MAX_CALL


def test_a_killed_process_leaves_sums_that_add_up_wherever_it_was_stopped(tmp_path: Path) -> None:
    """Some of them are stopped while they hold the lock: then the others are told so, and don't hang."""
    for attempt in range(6):
        directory = tmp_path / str(attempt)
        process = start(directory, seed=attempt)
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        with suppress(LedgerError):
            assert adds_up(state_in(directory))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=TIMEOUT_SECONDS)
        state = state_in(directory)
        assert adds_up(state)
        assert state.reserved_nano_usd == 0
