from __future__ import annotations


class BadFileError(ValueError):
    """The file does not hold what the format says; the message is one line."""
