"""Finding contacts, the way a model would: who is named in the posting, and in the titles of pages."""

from __future__ import annotations

import re

from pipeline.demo.prompts import role_and_company, sources, tagged

_MAX_CONTACTS = 5
_NAME = r"[A-Z][a-zà-ÿ]+ [A-Z][a-zà-ÿ]+"
_IN_POSTING = re.compile(rf"\b(?:[Ww]rite to|[Cc]ontact|[Aa]sk for) ({_NAME})")
_IN_TITLE = re.compile(rf"^({_NAME}) - (.+) - (.+)$")


def contacts(prompt: str) -> dict[str, object]:
    role, company = role_and_company(prompt)
    found: list[dict[str, object]] = [
        {"name": name, "role": f"named in the posting for {role}", "source": 0}
        for name in dict.fromkeys(_IN_POSTING.findall(tagged(prompt, "posting")))
    ]
    for source in sources(tagged(prompt, "sources")):
        named = _IN_TITLE.match(source.title)
        if named is not None and named[3].casefold() == company.casefold():
            found.append({"name": named[1], "role": named[2], "source": source.number})
    return {"contacts": found[:_MAX_CONTACTS]}
