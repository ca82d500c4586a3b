"""A key or token that travels in a header, as an option."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_VISIBLE: Final = re.compile(r"[!-~]+")


def _checked(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if _CONTROL.search(text):
        raise ValueError("the value has a line break or control character in it; remove it")
    if not _VISIBLE.fullmatch(text):
        raise ValueError("the value is empty, or has a space or a letter with an accent in it; correct it")
    return key


Key = Annotated[SecretStr, AfterValidator(_checked)]
"""The type of such an option: visible ASCII, so that it can neither end its header nor be misread."""
