"""What is kept of a job while it runs and afterwards: a file of JSON lines that only grows.

A line is written in one go and counts only if it is whole, so that a process may be killed at any moment.
Nothing is forced onto the disk: after a power cut, as opposed to a kill, the last seconds may be missing.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from pipeline.jobs.job import Job, JobError
from pipeline.metrics import DONE, RunOutcome

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.layers.layer import Layer

log = logging.getLogger(__name__)

DIRECTORY: Final = ".jobs"
MAX_JOURNAL_BYTES: Final = 64 * 1024 * 1024


class JobTakenError(Exception):
    """Another process is running this job."""


class Journals:
    """The journals below one output directory; without one, nothing outlives the process."""

    def __init__(self, output: Path | None, *, again: bool = False) -> None:
        """With `again`, a job that is done starts over; one that is not goes on all the same."""
        self._directory = None if output is None else output / DIRECTORY
        self._again = again

    def open(self, job_id: str) -> Journal:
        """This job's journal, for this process alone until it is closed.

        Raises:
            JobTakenError: another process has it open.
            JobError: it cannot be opened.
        """
        if self._directory is None:
            return Journal(None, b"")
        try:
            journal = self._open(self._directory / f"{job_id}.jsonl")
        except OSError as error:
            raise JobError(f"its journal in {DIRECTORY} cannot be opened: {error.strerror}") from None
        if self._again and journal.outcome in DONE:
            journal.clear()
        return journal

    @staticmethod
    def _open(path: Path) -> Journal:
        try:
            return Journal.open(path)
        except FileNotFoundError:  # once in an output directory
            path.parent.mkdir(mode=0o700, exist_ok=True)
            return Journal.open(path)


class Journal:
    """One job's.

    Attributes:
        outcome: How its last run ended; None if that was interrupted, or there was none.
        spent_usd_by_layer: What has been spent and no report has told, in USD; written with every line.
    """

    def __init__(self, descriptor: int | None, content: bytes) -> None:
        self._descriptor = descriptor
        self._size = 0
        self.outcome: RunOutcome | None = None
        self.spent_usd_by_layer: Mapping[str, float] = {}
        self._layers: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, str] = {}
        self._replay(content)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or create the file, lock it, and drop what a crash has left unfinished at its end.

        Raises:
            JobTakenError: another process has it open.
            OSError: it cannot be opened, locked or read.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = os.fstat(descriptor).st_size
            journal = cls(descriptor, os.pread(descriptor, min(size, MAX_JOURNAL_BYTES), 0))
            if journal._size < size:
                os.ftruncate(descriptor, journal._size)
        except BlockingIOError:
            os.close(descriptor)
            raise JobTakenError from None
        except BaseException:
            os.close(descriptor)
            raise
        return journal

    def close(self) -> None:
        """Let others have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def clear(self) -> None:
        """As if the job had never run."""
        self.outcome = None
        self.spent_usd_by_layer = {}
        self._layers.clear()
        self._answers.clear()
        self._size = 0
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)

    def restore(self, job: Job, layers: Sequence[Layer]) -> None:
        """Give the job the results of the layers that are done, up to the first that has to run."""
        from pydantic import ValidationError

        job.answers = self
        for layer in layers:
            entry = self._layers.get(layer.name)
            if entry is None and layer.name in job.earlier_results:
                entry = {"result": job.earlier_results[layer.name], "files": [], "degradations": []}
            if entry is None:
                return
            files = [Path(file) for file in entry["files"]]
            if not all(file.exists() for file in files):
                return
            try:
                result = layer.result.model_validate_json(json.dumps(entry["result"]))
            except (ValidationError, TypeError):
                log.warning("journal.result_outdated job=%s layer=%s", job.id, layer.name)
                return
            job.results[layer.name] = result
            job.files += [file for file in files if file not in job.files]
            for reason in entry["degradations"]:
                job.degrade(reason)

    def layer_done(
        self,
        layer: str,
        job: Job,
        *,
        files: Sequence[Path],
        degradations: Sequence[str],
    ) -> None:
        """Keep a layer's result, and the files and degradations that it added."""
        self._append(
            {
                "layer": layer,
                "files": [str(file) for file in files],
                "degradations": degradations,
                "spent_usd": self.spent_usd_by_layer,
                "result": job.results[layer],
            }
        )
        self._answers.clear()

    def recall(self, question: str) -> str | None:
        return self._answers.get(question)

    def record(self, question: str, answer: str) -> None:
        self._answers[question] = answer
        self._append({"answer": question, "text": answer, "spent_usd": self.spent_usd_by_layer})

    def forget_answers(self) -> None:
        """Whoever comes next asks again."""
        if self._answers:
            self._answers.clear()
            self._append({"forgotten": True})

    def ended(self, outcome: RunOutcome) -> None:
        """The run is over, and what it has spent is about to be told."""
        self.outcome = outcome
        self._append({"ended": outcome.value})

    def _append(self, entry: Mapping[str, Any]) -> None:
        if self._descriptor is None:
            return
        content = _as_line(entry)
        try:
            written = os.write(self._descriptor, content)
            if written < len(content):
                # The rest says why it did not fit.
                written += os.write(self._descriptor, content[written:])
        except OSError as error:
            # The job matters more than its journal: it goes on, and would be run again after a kill.
            log.warning("journal.write_failed reason=%s", error.strerror)
            os.ftruncate(self._descriptor, self._size)
        else:
            self._size += written

    def _replay(self, content: bytes) -> None:
        for line in content.splitlines(keepends=True):
            try:
                if not line.endswith(b"\n"):
                    return
                self._replay_line(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                log.warning("journal.damaged; what follows byte %d is dropped", self._size)
                return
            self._size += len(line)

    def _replay_line(self, entry: dict[str, Any]) -> None:
        self.outcome = None
        if "layer" in entry:
            self._replay_layer(entry)
        elif "answer" in entry:
            self._answers[entry["answer"]] = str(entry["text"])
        elif "forgotten" in entry:
            self._answers.clear()
        else:
            self.outcome = RunOutcome(entry["ended"])
            self.spent_usd_by_layer = {}
        if "spent_usd" in entry:
            self.spent_usd_by_layer = {str(layer): float(usd) for layer, usd in entry["spent_usd"].items()}

    def _replay_layer(self, entry: dict[str, Any]) -> None:
        known = list(self._layers)
        if entry["layer"] in known:
            # It was run again, and so is what came after it.
            for name in known[known.index(entry["layer"]) :]:
                del self._layers[name]
        self._layers[entry["layer"]] = {key: entry[key] for key in ("files", "degradations", "result")}
        self._answers.clear()


def _as_line(entry: Mapping[str, Any]) -> bytes:
    """As JSON; pydantic writes it in a third of the time that the standard library takes."""
    from pydantic_core import to_json

    try:
        return to_json(entry) + b"\n"
    except ValueError:
        # Half a character of a model's answer, or of a file's name, has no place in UTF-8.
        return json.dumps(entry, default=_as_python).encode() + b"\n"


def _as_python(result: BaseModel) -> dict[str, Any]:
    return result.model_dump(mode="json", by_alias=True)
