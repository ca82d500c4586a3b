"""Summing up what a search found, the way a model would: sentence by sentence, with its source."""

from __future__ import annotations

from pipeline.demo.prompts import role_and_company, sources, tagged

_MAX_FINDINGS = 5


def summarise(prompt: str) -> dict[str, object]:
    role, company = role_and_company(prompt)
    found = sources(tagged(prompt, "sources"))
    findings = [
        {"text": source.text, "source": source.number} for source in found[:_MAX_FINDINGS] if source.text
    ]
    told = findings[0]["text"] if findings else f"Nothing was found about {company}."
    return {
        "company": told,
        "role": f"The {role} is to help {company} with what its posting describes.",
        "findings": findings,
    }
