"""What the Dockerfile says of each of its stages."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Stage:
    """A stage of the Dockerfile, with what it has from those it is built on."""

    base: str
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    ports: tuple[int, ...] = ()
    user: str = ""
    copied: tuple[str, ...] = ()
    """From the build's context."""
    made: tuple[str, ...] = ()
    """Directories."""


def _run(stage: Stage, rest: str) -> Stage:
    made = shlex.split(rest.partition("install --directory")[2])
    return replace(stage, made=tuple(word for word in made if word.startswith("/")))


def _copied(stage: Stage, rest: str) -> Stage:
    return stage if rest.startswith("--from") else replace(stage, copied=(*stage.copied, *rest.split()[:-1]))


INSTRUCTIONS: dict[str, Callable[[Stage, str], Stage]] = {
    "ENV": lambda stage, rest: replace(
        stage, environment=stage.environment | dict(pair.split("=", 1) for pair in shlex.split(rest))
    ),
    "ENTRYPOINT": lambda stage, rest: replace(stage, entrypoint=json.loads(rest)),
    "CMD": lambda stage, rest: replace(stage, command=json.loads(rest)),
    "HEALTHCHECK": lambda stage, rest: replace(stage, healthcheck=json.loads(rest.partition("CMD ")[2])),
    "EXPOSE": lambda stage, rest: replace(stage, ports=(*stage.ports, int(rest))),
    "USER": lambda stage, rest: replace(stage, user=rest),
    "COPY": _copied,
    "RUN": _run,
    "WORKDIR": lambda stage, rest: stage,
}
"""What each says of a stage, the rest of its line given."""


@cache
def dockerfile() -> dict[str, Stage]:
    """The stages, by name."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: dict[str, Stage] = {}
    name = ""
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.split()
            stages[name] = replace(stages.get(base, Stage(base)), base=base)
        elif word not in {"", "ARG"}:
            stages[name] = INSTRUCTIONS[word](stages[name], rest)
    return stages
