"""One wording for a value that is refused."""

from __future__ import annotations


def require(holds: bool, key: str, value: object, rule: str) -> None:  # noqa: FBT001
    """Refuse a bad value.

    Raises:
        ValueError: it names the key, the value and the rule.
    """
    if not holds:
        raise ValueError(f"{key}: {value} must be {rule}")
