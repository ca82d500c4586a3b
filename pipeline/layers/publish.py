"""Layer 7: dossier, CV, letter and outreach as files and PDFs in a directory of the job's own; its record."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from pipeline.breaker import BreakerOpenError
from pipeline.jobs import Job, JobError
from pipeline.layers.documents import cover_letter, curriculum_vitae, dossier, outreach
from pipeline.layers.files import write_whole
from pipeline.layers.generation import Generation
from pipeline.layers.layer import Layer, Workplace
from pipeline.layers.posting import Posting
from pipeline.layers.record import Kept, keep_record
from pipeline.providers import pdf_service
from pipeline.providers.error import ProviderError
from pipeline.rejections import RejectedError

_MAX_SLUG_CHARS: Final = 60
_PAPERS: Final = ("dossier", "cv", "cover_letter")
_OUTREACH: Final = "outreach.txt"


class Published(BaseModel):
    """The files of a job, as paths, and where its record is."""

    model_config = ConfigDict(frozen=True)

    files: tuple[Path, ...]
    record: Kept = Kept.NOWHERE


async def _publish(job: Job, workplace: Workplace) -> Published:
    """Markdown first: it is kept when the PDF service is down."""
    directory = workplace.output / directory_name(job)
    application, candidate = job.result(Generation).application, workplace.candidate
    papers = {"dossier": dossier(job, application)}
    texts = {}
    if application is not None:
        texts[_OUTREACH] = outreach(application, candidate, job).as_text().encode()
        papers["cv"] = curriculum_vitae(application, candidate)
        papers["cover_letter"] = cover_letter(application, candidate, job)
    texts |= {f"{name}.md": paper.as_markdown().encode() for name, paper in papers.items()}
    await asyncio.to_thread(_remove_outdated, directory, texts)
    for file_name, text in texts.items():
        await _keep(job, directory / file_name, text)
    for name, paper in papers.items():
        await _keep_pdf(job, workplace, directory / f"{name}.pdf", paper.as_html())
    kept = await keep_record(job, workplace.providers.mongodb, workplace.output, job.files)
    return Published(files=tuple(job.files), record=kept)


def directory_name(job: Job) -> str:
    """Readable and safe in any file system; the id makes it the job's own."""
    posting = job.result(Posting)
    named = unicodedata.normalize("NFKD", f"{posting.company} {posting.title}")
    words = re.findall(r"[a-z0-9]+", named.encode("ascii", "ignore").decode().lower())
    slug = "-".join(words)[:_MAX_SLUG_CHARS].rstrip("-")
    return f"{slug or 'posting'}-{job.id}"


async def _keep_pdf(job: Job, workplace: Workplace, path: Path, html: str) -> None:
    """A PDF may cost money: one that an interrupted run has written is not asked for again."""

    async def render() -> str:
        content = await _render(workplace, html)
        await _keep(job, path, content)
        return hashlib.sha256(content).hexdigest()

    digest = hashlib.sha256(html.encode()).hexdigest()
    rendered = await job.once(json.dumps(["pdf", path.name, digest]), render)
    if path in job.files:
        return
    if await asyncio.to_thread(_content_digest, path) == rendered:
        job.files.append(path)
    else:
        await render()


def _content_digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _remove_outdated(directory: Path, texts: Mapping[str, bytes]) -> None:
    """No paper of another application stays, and no PDF beside a Markdown that it was not made from."""
    for name in (*(f"{paper}.md" for paper in _PAPERS), _OUTREACH):
        path = directory / name
        try:
            if not path.exists() or path.read_bytes() == texts.get(name):
                continue
            path.with_suffix(".pdf").unlink(missing_ok=True)
            if name not in texts:
                path.unlink()
        except OSError as error:
            raise JobError(f"{name} of an earlier run cannot be removed: {error.strerror}") from None


async def _render(workplace: Workplace, html: str) -> bytes:
    try:
        return await workplace.providers.pdf_service.render(html)
    except (ProviderError, RejectedError) as error:
        reason = error.reason if isinstance(error, ProviderError) else _why_refused(error)
        status = error.status if isinstance(error, ProviderError) else None
        raise ProviderError(
            pdf_service.NAME, f"{reason}; the Markdown is kept, run the job again for the PDFs", status
        ) from None


def _why_refused(error: RejectedError) -> str:
    if isinstance(error, BreakerOpenError):
        return "its breaker is open"
    return str(error).removeprefix(f"{pdf_service.NAME}: ")


async def _keep(job: Job, path: Path, content: bytes) -> None:
    try:
        await asyncio.to_thread(write_whole, path, content)
    except OSError as error:
        raise JobError(f"{path.name} cannot be written: {error.strerror}") from None
    if path not in job.files:
        job.files.append(path)


PUBLISH: Final = Layer(
    "publish", dependencies=(pdf_service.NAME, "mongodb"), result=Published, run=_publish, reads_cv=True
)
