"""Layer 3: the dossier as Markdown and PDF, in a directory of the job's own."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import unicodedata
from html import escape
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from pipeline.jobs import Job, JobError
from pipeline.layers.intake import Posting
from pipeline.layers.layer import Layer, Workplace
from pipeline.layers.pain_points import PainPoints
from pipeline.providers import pdf_service

_MAX_SLUG_CHARS: Final = 60
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~])")
_STYLE: Final = (
    "@page{size:A4;margin:20mm}body{font:11pt/1.45 sans-serif;color:#1c2128}"
    "h1{font-size:20pt;margin:0 0 2mm}h2{font-size:13pt;margin:7mm 0 2mm}li{margin:0 0 1mm}"
)


class Published(BaseModel):
    """The files of a job, as paths."""

    model_config = ConfigDict(frozen=True)

    files: tuple[Path, ...]


async def _publish(job: Job, workplace: Workplace) -> Published:
    """Markdown first: it is kept when the PDF service is down."""
    directory = workplace.output / directory_name(job)
    markdown, pdf = directory / "dossier.md", directory / "dossier.pdf"
    await _keep(job, markdown, _markdown(job).encode())
    await _keep(job, pdf, await workplace.providers.pdf_service.render(_html(job)))
    return Published(files=(markdown, pdf))


def directory_name(job: Job) -> str:
    """Readable and safe in any file system; the id makes it the job's own."""
    posting = job.result(Posting)
    named = unicodedata.normalize("NFKD", f"{posting.company} {posting.title}")
    words = re.findall(r"[a-z0-9]+", named.encode("ascii", "ignore").decode().lower())
    slug = "-".join(words)[:_MAX_SLUG_CHARS].rstrip("-")
    return f"{slug or 'posting'}-{job.id}"


def _sections(job: Job) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = job.result(PainPoints)
    return (
        ("Pain points", found.pain_points),
        ("Strategic needs", found.strategic_needs),
        ("Risks", found.risks),
        ("Success metrics", found.success_metrics),
        ("Requirements", job.result(Posting).requirements),
    )


def _markdown(job: Job) -> str:
    posting = job.result(Posting)
    parts = [f"# {_as_text(posting.title)}\n\nCompany: {_as_text(posting.company)}\n"]
    for heading, texts in _sections(job):
        if texts:
            parts.append(f"## {heading}\n\n" + "".join(f"- {_as_text(text)}\n" for text in texts))
    return "\n".join(parts)


def _html(job: Job) -> str:
    posting = job.result(Posting)
    title, company = escape(posting.title), escape(posting.company)
    body = "".join(
        f"<h2>{heading}</h2>\n<ul>\n" + "".join(f"<li>{escape(text)}</li>\n" for text in texts) + "</ul>\n"
        for heading, texts in _sections(job)
        if texts
    )
    return (
        f'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>Company: {company}</p>\n"
        f"{body}</body>\n</html>\n"
    )


def _as_text(text: str) -> str:
    """Text that others wrote must not become a link, an image or HTML in our document."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", text)


async def _keep(job: Job, path: Path, content: bytes) -> None:
    try:
        await asyncio.to_thread(_write, path, content)
    except OSError as error:
        raise JobError(f"{path.name} cannot be written: {error.strerror}") from None
    if path not in job.files:
        job.files.append(path)


def _write(path: Path, content: bytes) -> None:
    """The file appears whole or not at all, after a crash too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


PUBLISH: Final = Layer("publish", dependencies=(pdf_service.NAME,), result=Published, run=_publish)
