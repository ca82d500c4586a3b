from __future__ import annotations

import os
import subprocess

import pytest


def unshare_command(*options: str) -> tuple[str, ...]:
    """The command that gives a program namespaces of its own; where that is not allowed the test is skipped.

    Args:
        options: of `unshare`, which say of what kinds.
    """
    for privilege in ((), ("--user", "--map-root-user")):
        command = ("unshare", *privilege, *options)
        try:
            if subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0:
                return command
        except FileNotFoundError:
            break
    reason = "no namespace can be made: run as root, or allow user namespaces"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    return pytest.skip(reason)
