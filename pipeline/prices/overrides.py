"""Prices of the user's own: a YAML file of rates by model, of FireCrawl's credits and of PDFs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline.metrics import TokenType

MAX_FILE_BYTES: Final = 256 * 1024
_MAX_RATE_USD: Final = 100_000.0
_MAX_CALL_USD: Final = 1_000.0
_MAX_PROBLEMS: Final = 20
_MAX_SHOWN_CHARS: Final = 60
_MODELS: Final = "models"
_CREDIT: Final = "firecrawl_usd_per_credit"
_PDF: Final = "pdf_usd_per_call"
_RATES: Final = {
    f"{kind.value}_usd_per_mtok": kind
    for kind in (
        TokenType.INPUT,
        TokenType.CACHE_READ,
        TokenType.CACHE_WRITE,
        TokenType.OUTPUT,
        TokenType.REASONING,
    )
}
_REQUIRED: Final = ("input_usd_per_mtok", "output_usd_per_mtok")


class OverridesError(Exception):
    """Every mistake of the file, one line each in `problems`."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class ModelRates:
    """USD per million tokens, of every type."""

    usd_per_mtok: Mapping[TokenType, float]

    def price(self, tokens: Mapping[TokenType, int]) -> float:
        return sum(count * self.usd_per_mtok[kind] for kind, count in tokens.items()) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the user says things cost; what isn't said isn't overridden.

    A model's name that ends in `*` is for all that begin so; the longest that fits holds.
    """

    models: Mapping[str, ModelRates] = field(default_factory=lambda: MappingProxyType({}))
    firecrawl_usd_per_credit: float | None = None
    pdf_usd_per_call: float | None = None

    def rates(self, *models: str) -> ModelRates | None:
        """The rates of the first of these names that has some."""
        if not self.models:
            return None
        for model in models:
            exact = self.models.get(model)
            if exact is not None:
                return exact
            fitting = [name for name in self.models if name.endswith("*") and model.startswith(name[:-1])]
            if fitting and model:
                return self.models[max(fitting, key=len)]
        return None


def read_overrides(path: Path) -> Overrides:
    """Read the file.

    Raises:
        OverridesError: with all that is wrong.
    """
    problems: list[str] = []
    document = _document(path, problems)
    overrides = _overrides(document, problems) if not problems else Overrides()
    if problems:
        raise OverridesError(tuple(problems[:_MAX_PROBLEMS]))
    return overrides


def _document(path: Path, problems: list[str]) -> Mapping[object, object]:
    import yaml

    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no valid path"
        problems.append(f"cannot be read ({reason}); name a file that this user can read")
        return {}
    if len(content) > MAX_FILE_BYTES:
        problems.append(f"is longer than {MAX_FILE_BYTES} bytes; leave out models that nobody asks for")
        return {}
    try:
        document = yaml.safe_load(content.decode("utf-8-sig"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = "" if mark is None else f"line {mark.line + 1}: "
        problems.append(f"{line}{error.problem}; correct the YAML")
        return {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problems.append(f"is no YAML ({type(error).__name__}); save it as UTF-8 text")
        return {}
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        problems.append(f"is no mapping; begin it with '{_MODELS}:'")
        return {}
    return document


def _overrides(document: Mapping[object, object], problems: list[str]) -> Overrides:
    problems += [
        f"{_shown(key)}: is no key; use {_MODELS}, {_CREDIT} or {_PDF}"
        for key in document
        if key not in {_MODELS, _CREDIT, _PDF}
    ]
    models = document.get(_MODELS, {})
    if not isinstance(models, Mapping):
        problems.append(f"{_MODELS}: is no mapping; write a line for each model and its rates below it")
        models = {}
    rates = {}
    for name, entry in models.items():
        if not isinstance(name, str) or not name.strip("*"):
            problems.append(f"{_MODELS}: {_shown(name)} is no model's name; put it in quotes")
        else:
            rates[name] = _rates(name, entry, problems)
    return Overrides(
        models=MappingProxyType(rates),
        firecrawl_usd_per_credit=_amount(document, _CREDIT, _CREDIT, problems, most=_MAX_CALL_USD),
        pdf_usd_per_call=_amount(document, _PDF, _PDF, problems, most=_MAX_CALL_USD),
    )


def _rates(name: str, entry: object, problems: list[str]) -> ModelRates:
    """A rate that isn't given: reading and writing a cache cost as the input, thoughts as the output."""
    where = f"{_MODELS}.{name if len(name) <= _MAX_SHOWN_CHARS and name.isprintable() else _shown(name)}"
    if not isinstance(entry, Mapping):
        problems.append(f"{where}: is no mapping; write {' and '.join(_REQUIRED)} below it")
        return ModelRates({})
    problems += [
        f"{where}: {_shown(key)} is no rate; use some of {', '.join(_RATES)}"
        for key in entry
        if key not in _RATES
    ]
    problems += [f"{where}: {key} is missing; write it below" for key in _REQUIRED if key not in entry]
    given = {
        kind: amount
        for key, kind in _RATES.items()
        if (amount := _amount(entry, key, f"{where}.{key}", problems, most=_MAX_RATE_USD)) is not None
    }
    taken, said = given.get(TokenType.INPUT, 0.0), given.get(TokenType.OUTPUT, 0.0)
    defaults = {TokenType.CACHE_READ: taken, TokenType.CACHE_WRITE: taken, TokenType.REASONING: said}
    return ModelRates(MappingProxyType(defaults | given))


def _amount(
    holder: Mapping[object, object], key: str, where: str, problems: list[str], *, most: float
) -> float | None:
    value = holder.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        problems.append(f"{where}: {_shown(value)} is no number; write USD like 0.15")
    elif not 0 <= value <= most:
        problems.append(f"{where}: {_shown(value)} is out of range; give 0 or more and at most {most:g}")
    else:
        return float(value)
    return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}…"
