"""Regular expressions that take time in proportion to what they search, whatever a target sends."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator


class Pattern:
    """An expression in RE2's syntax, which is Go's and Prometheus': no look-around, no back-references."""

    def __init__(self, text: str) -> None:
        """Raises ValueError: what RE2 has against it, without the expression itself."""
        # Here, not above: most sidecars search for nothing, and it is 3 MiB.
        import re2  # type: ignore[import-untyped]

        options = re2.Options()
        options.log_errors = False
        try:
            self._compiled: Any = re2.compile(text.encode(), options)
        except re2.error as error:
            raise ValueError(_problem(error)) from None

    def found_in(self, data: bytes) -> bool:
        """Whether it matches anywhere; `.` stands for a character of UTF-8."""
        return self._compiled.search(data) is not None


def _problem(error: Exception) -> str:
    message = error.args[0] if error.args else b""
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    # Up to the colon RE2 names the rule; after it stands a part of the expression.
    return text.partition(":")[0]


def _checked(text: str) -> str:
    if not text:
        raise ValueError("an empty value matches everything; write an expression or leave the key out")
    try:
        Pattern(text)
    except ValueError as error:
        raise ValueError(f"the value is not a regular expression ({error}); write it as RE2 does") from None
    return text


PatternText = Annotated[str, AfterValidator(_checked)]
"""The type of an option that is such an expression."""
