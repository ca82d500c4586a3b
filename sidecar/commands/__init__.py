"""One file per command of `sidecar`; each adds itself to the parser."""

from sidecar.commands import check_config, demo, health, run, spool

COMMANDS = (run, demo, check_config, health, spool)
