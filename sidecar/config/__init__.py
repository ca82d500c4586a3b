"""Environment + YAML → one frozen `Config`, or every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sidecar.config import environment as variables
from sidecar.config import paths, secret_fields, timing, validation, yaml_file
from sidecar.config.draft import Draft
from sidecar.config.errors import ConfigError
from sidecar.config.files import noting_files
from sidecar.config.model import Config, ListenAddress

__all__ = ["Config", "ConfigError", "ListenAddress", "listen_and_spool", "load", "noting_files"]


def load(environment: Mapping[str, str], path: Path | None = None) -> Config:
    """Read what the variables say, lay the file over it, judge the whole.

    Args:
        environment: usually `os.environ`; a variable that is empty or blank counts as not set.
        path: the YAML file; None: the one `SIDECAR_CONFIG` names, if any.

    Raises:
        ConfigError: something is wrong; all of it, one line each, without any secret.
    """
    draft = Draft()
    variables.read(environment, draft)
    file = variables.config_file(environment) if path is None else path
    readable = True
    if file is not None:
        readable = yaml_file.read(file, draft)
        secret_fields.resolve(draft, file.parent)
        paths.resolve(draft, file.parent)
    variables.name_this_sidecar(environment, draft)
    if readable:  # What an unreadable file would have set can't be compared.
        timing.judge(draft)
    timing.give_defaults(draft)
    config = validation.validate(draft)
    if config is None or draft.errors:
        raise ConfigError(draft.errors)
    return config


def listen_and_spool(environment: Mapping[str, str]) -> tuple[ListenAddress, Path | None]:
    """Where a sidecar with this configuration serves, and its spool, whatever is wrong with the rest of it.

    What is wrong in the file itself counts as not said there.
    """
    draft = Draft()
    variables.read(environment, draft)
    listens = [draft.values.get("listen")]
    file = variables.config_file(environment)
    if file is not None:
        yaml_file.read(file, draft)
        listens.append(draft.values.get("listen"))
    listen: ListenAddress = Config.model_fields["listen"].default
    for text in listens:
        with suppress(ValueError):
            listen = ListenAddress.parse(text) if isinstance(text, str) else listen
    spool = draft.values.get("spool")
    return listen, Path(spool) if isinstance(spool, str) and spool else None
