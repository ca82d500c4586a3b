"""What is kept of a job while it runs and afterwards: a file of JSON lines that only grows.

A line is written in one go and counts only if it is whole, so that a process may be killed at any moment.
Nothing is forced onto the disk: after a power cut, as opposed to a kill, the last seconds may be missing.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pipeline.jobs.job import Job, JobError
from pipeline.jobs.journal_file import JournalFile
from pipeline.jobs.note import KeptResult, LayerNote
from pipeline.metrics import DONE, RunOutcome

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.layers.layer import Layer

log = logging.getLogger(__name__)


class Journal:
    """One job's.

    Attributes:
        outcome: How its last run ended; None if that was interrupted, or there was none.
        spent_usd_by_layer: What has been spent and no report has told, in USD. Each line has what is new.
    """

    def __init__(self, file: JournalFile, content: bytes, output: Path) -> None:
        """`content` is what the file holds; what is written below `output` is told by its place in there."""
        self._file = file
        self._output = output
        self._below_output = f"{output}{os.sep}"
        self.outcome: RunOutcome | None = None
        self.spent_usd_by_layer: Mapping[str, float] = {}
        self._told_usd: dict[str, float] = {}
        """What of it has been written since it was opened."""
        self._layers: dict[str, KeptResult] = {}
        self._answers: dict[str, str] = {}
        self._used_answers: dict[str, str] | None = None
        """Those of layers that have ended, once something has to be made good; None before."""
        self._replay(content)

    @classmethod
    def open(cls, path: str | Path, output: Path) -> Self:
        """Open or create the file, lock it, and drop what a crash has left unfinished at its end.

        Files below `output` are found again though that directory has another path.

        Raises:
            JobTakenError: another process has it open.
            OSError: it cannot be opened, locked or read.
        """
        file, content = JournalFile.open(path)
        try:
            journal = cls(file, content, output)
            file.cut_rest()
        except BaseException:
            file.close()
            raise
        return journal

    def close(self) -> None:
        """Let others have it."""
        self._flush()
        self._file.close()

    @property
    def is_done(self) -> bool:
        """Whether the last run has come to its end, and there is nothing to make good."""
        return self.outcome in DONE and not any(kept.note.can_be_made_good for kept in self._layers.values())

    def clear(self) -> None:
        """As if the job had never run. Raises OSError: it cannot be cleared."""
        self._file.clear()
        self.outcome = None
        self.spent_usd_by_layer = {}
        self._told_usd.clear()
        self._layers.clear()
        self._answers.clear()
        self._used_answers = None

    def restore(self, job: Job, layers: Sequence[Layer], *, cv: str | None = None) -> None:
        """Give the job the results of the layers that are done, up to the first that has to run.

        That is the first that has no result for this CV (its digest), or something to make good, or whose
        files are gone.

        Raises:
            JobError: nobody can tell whether its files are there.
        """
        job.answers = self
        kept: Mapping[str, KeptResult] = self._layers
        for layer in layers:
            result = self._result(kept, layer, cv)
            if result is None and kept is not job.earlier:
                # What follows has to rest on it, so it is from there, too.
                kept = job.earlier
                result = self._result(kept, layer, cv)
            if result is None:
                return
            note = kept[layer.name].note
            job.results[layer.name], job.notes[layer.name] = result, note
            job.files += [file for file in note.files if file not in job.files]
            for reason in note.degradations:
                job.degrade(reason)

    def layer_done(self, layer: str, job: Job) -> None:
        """Keep a layer's result with its note.

        It is written with the next line: who is killed before that makes the result again, of answers that
        are written. Where the layer has spent what no line tells, it is written at once.
        """
        note = job.notes[layer]
        names = list(job.results)
        after = names[: names.index(layer)]
        entry = {
            "layer": layer,
            "after": after,
            "files": [self._kept_path(file) for file in note.files],
            **note.as_json(),
            "result": job.results[layer],
        }
        if self._untold_usd():
            self._append(entry)
        else:
            self._file.defer(_as_line(entry))
        self._keep(layer, KeptResult(None, note), after)

    def recall(self, question: str) -> str | None:
        answer = self._answers.get(question)
        if answer is None and self._used_answers is not None:
            answer = self._used_answers.get(question)
        return answer

    def record(self, question: str, answer: str) -> None:
        self._answers[question] = answer
        self._append({"answer": question, "text": answer})

    def forget_answers(self) -> None:
        """Whoever comes next asks again."""
        if self._answers:
            self._answers.clear()
            self._append({"forgotten": True})

    def ended(self, outcome: RunOutcome) -> None:
        """The run is over, and what it has spent is about to be told.

        Where there is no room to write that down, the last lines make room: money is not told twice.
        """
        self.outcome = outcome
        if self.is_done:
            self._used_answers = None
        line = _as_line({"ended": outcome.value})
        dropped, reason = 0, self._file.append(line)
        while reason is not None and self._file.drop_last():
            dropped, reason = dropped + 1, self._file.append(line)
        if reason is not None:
            log.warning("journal.end_not_kept reason=%s; the next run tells this one's money again", reason)
        elif dropped:
            log.warning(
                "journal.cut lines=%d; what was in them is made and paid for again by the next run", dropped
            )

    def _untold_usd(self) -> dict[str, float]:
        told = self._told_usd
        return {layer: usd for layer, usd in self.spent_usd_by_layer.items() if told.get(layer) != usd}

    def _append(self, entry: dict[str, Any]) -> None:
        untold_usd = self._untold_usd()
        if untold_usd:
            entry["spent_usd"] = untold_usd
        reason = self._file.append(_as_line(entry))
        if reason is None:
            self._told_usd.update(untold_usd)
        else:
            _warn_of_loss(reason)

    def _flush(self) -> None:
        reason = self._file.flush()
        if reason is not None:
            _warn_of_loss(reason)

    def _result(self, kept: Mapping[str, KeptResult], layer: Layer, cv: str | None) -> BaseModel | None:
        """What the layer gave, where that may be used."""
        found = kept.get(layer.name)
        if found is None or found.note.can_be_made_good or (layer.reads_cv and found.note.cv != cv):
            return None
        try:
            if not all(file.exists() for file in found.note.files):
                return None
        except OSError as error:
            raise JobError(f"{layer.name}: its files cannot be looked for: {error.strerror}") from None
        try:
            return layer.result.model_validate_json(json.dumps(found.result))
        except (TypeError, ValueError):
            log.warning("journal.result_outdated layer=%s", layer.name)
            return None

    def _keep(self, layer: str, kept: KeptResult, after: Sequence[str] | None) -> None:
        """`after` names the layers that it came after; None: the line is of a time when none said so."""
        known = list(self._layers)
        if after is None:
            after = known[: known.index(layer)] if layer in known else known
        # It is new, and so is whatever comes after it.
        self._layers = {name: self._layers[name] for name in after if name in self._layers}
        self._layers[layer] = kept
        if kept.note.can_be_made_good and self._used_answers is None:
            self._used_answers = {}
        if self._used_answers is not None:
            self._used_answers |= self._answers
        self._answers.clear()

    def _kept_path(self, file: Path) -> str:
        # As text: `Path.relative_to` takes twenty times as long.
        return str(file).removeprefix(self._below_output)

    def _replay(self, content: bytes) -> None:
        for line in content.splitlines(keepends=True):
            try:
                if not line.endswith(b"\n"):
                    return
                self._replay_line(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                log.warning("journal.damaged; what follows byte %d is dropped", self._file.size)
                return
            self._file.found(line)

    def _replay_line(self, entry: dict[str, Any]) -> None:
        self.outcome = None
        if "layer" in entry:
            files = tuple(self._output / file for file in entry["files"])
            note = LayerNote.from_json(entry, files)
            self._keep(entry["layer"], KeptResult(entry["result"], note), entry.get("after"))
        elif "answer" in entry:
            self._answers[entry["answer"]] = str(entry["text"])
        elif "forgotten" in entry:
            self._answers.clear()
        else:
            self.outcome = RunOutcome(entry["ended"])
            self.spent_usd_by_layer = {}
            if self.is_done:
                self._used_answers = None
        if "spent_usd" in entry:
            spent = {layer: _usd(usd) for layer, usd in entry["spent_usd"].items()}
            self.spent_usd_by_layer = {**self.spent_usd_by_layer, **spent}


def _warn_of_loss(reason: str) -> None:
    """The job matters more than its journal: it goes on."""
    log.warning("journal.not_kept reason=%s; a next run makes it and pays for it again", reason)


def _usd(value: object) -> float:
    if isinstance(value, (int, float)) and math.isfinite(value) and value >= 0:
        return value
    raise ValueError("it is no amount of money")


@functools.cache
def _encoder() -> Callable[[Mapping[str, Any]], bytes]:
    """Pydantic's takes a third of the standard library's time. Kept, as to import it takes as long again."""
    from pydantic_core import to_json

    return to_json


def _as_line(entry: Mapping[str, Any]) -> bytes:
    try:
        return _encoder()(entry) + b"\n"
    except ValueError:
        # Half a character of a model's answer, or of a file's name, has no place in UTF-8.
        return json.dumps(entry, default=_as_python).encode() + b"\n"


def _as_python(result: BaseModel) -> dict[str, Any]:
    return result.model_dump(mode="json", by_alias=True)
