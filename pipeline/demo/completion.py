"""One model call, whatever the API: messages in, text and token counts out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.demo.bodies import optional_count, required_text
from pipeline.demo.replies import reply_to, task_of
from pipeline.demo.stand_in import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

CHARACTERS_PER_TOKEN = 4
# Four characters a token, so a piece is what a model streams in one go: a few tokens.
_PIECE_CHARACTERS = 24
_MAX_OUTPUT_TOKENS = 1_000_000


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model said.

    Attributes:
        model: The model asked for; any name will do.
        text: The answer, the same for the same prompt.
        input_tokens: Of all messages together.
        output_tokens: Of `text`.
        cut_short: The caller's token limit ended it.
    """

    model: str
    text: str
    input_tokens: int
    output_tokens: int
    cut_short: bool

    def pieces(self) -> list[str]:
        """The text as it is streamed."""
        return [self.text[at : at + _PIECE_CHARACTERS] for at in range(0, len(self.text), _PIECE_CHARACTERS)]


def count_tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def complete(body: Mapping[str, object], *, limit_keys: tuple[str, ...], system: object = None) -> Completion:
    """Answer the last user message that asks for something the stand-ins know, else the last.

    Args:
        body: The request: `model`, `messages`, and a limit of output tokens.
        limit_keys: The keys that may hold the limit; the first that is there counts.
        system: What stands outside the messages and is read with them: text or text parts.

    Raises:
        RefusedError: 400, where the request lacks a model or a user message, or a value is of a wrong type.
    """
    model = required_text(body, "model")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RefusedError(400, "messages: a list with at least one message is required")
    texts = [] if system is None else [_text(system, "system")]
    prompt = None
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise RefusedError(400, f"{where}: an object with a role is required")
        text = _text(message.get("content"), f"{where}.content")
        texts.append(text)
        # Who is asked to mend an answer is asked for the same thing as before.
        if message["role"] == "user" and (prompt is None or task_of(text) or not task_of(prompt)):
            prompt = text
    if prompt is None:
        raise RefusedError(400, "messages: a message with the role 'user' is required")
    limits = (optional_count(body, key, highest=_MAX_OUTPUT_TOKENS) for key in limit_keys)
    limit = next((limit for limit in limits if limit is not None), _MAX_OUTPUT_TOKENS)
    whole = reply_to(prompt)
    text = whole[: limit * CHARACTERS_PER_TOKEN]
    return Completion(
        model=model,
        text=text,
        input_tokens=sum(count_tokens(part) for part in texts),
        output_tokens=count_tokens(text),
        cut_short=len(text) < len(whole),
    )


def _text(content: object, where: str) -> str:
    """Text, or the text parts of a list; images and tool results count as nothing."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        texts = (part.get("text") for part in content)
        return "\n".join(text for text in texts if isinstance(text, str))
    raise RefusedError(400, f"{where}: a text or a list of parts is required")
