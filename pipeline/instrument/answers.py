"""Whether what came with status 200 is an answer: OpenRouter reports failures of a model's host that way."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pipeline.prices import as_mapping

_OF_THE_REQUEST: Final = re.compile(r"invalid|image|policy|mismatch")
"""In codes of OpenAI's and Anthropic's errors that say what was wrong with what they were asked."""


class NoAnswerError(Exception):
    """Tells the guard that an answer is none; the caller gets what the SDK makes of it all the same.

    `status` is what the error in it would have been as a response's status; None where it doesn't say.
    """

    def __init__(self, answer: object = None, status: int | None = None) -> None:
        super().__init__("status 200, but no answer")
        self.answer = answer
        self.status = status


def body_of(answer: Any) -> Mapping[str, Any] | None:  # noqa: ANN401
    """The JSON object of an SDK's answer, empty where it is none, as a page is.

    None where nobody knows: only the caller may read it, or it is of a kind of his own.
    """
    if isinstance(answer, Mapping):
        return answer
    if isinstance(answer, str):
        return {}
    if hasattr(answer, "model_dump"):
        return as_mapping(answer) or None
    try:
        parsed = json.loads(getattr(answer, "http_response", answer).content)
    except ValueError:
        return {}
    except Exception:  # noqa: BLE001  (unread, most often; the caller's answer is good, whatever it is)
        return None
    return parsed if isinstance(parsed, Mapping) else {}


def failure_in(body: Mapping[str, Any], holds: tuple[str, ...]) -> NoAnswerError | None:
    """What is wrong; None for an answer that has its usage, or any of what such an answer `holds`."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    for holder in (body, first):
        error = holder.get("error") if isinstance(holder, Mapping) else None
        if error:
            return NoAnswerError(status=status_in(error))
    if body.get("status") == "failed" or all(body.get(key) is None for key in (*holds, "usage")):
        return NoAnswerError()
    return None


def status_in(error: object) -> int | None:
    """The status that an error inside an answer stands for; None for what is the provider's own failure."""
    stated = as_mapping(error)
    for code in (stated.get("code"), stated.get("type")):
        if isinstance(code, int) and 400 <= code <= 599:
            return int(code)
        if isinstance(code, str) and _OF_THE_REQUEST.search(code):
            return 400
    return None
