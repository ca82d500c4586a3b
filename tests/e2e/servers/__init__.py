"""Real servers for the end-to-end tests: a file for each kind."""

from tests.e2e.servers.alertmanager import Alertmanager
from tests.e2e.servers.mongodb import FerretDB, Mongod, MongoServer, mongodb_server
from tests.e2e.servers.ours import Demo, Sidecar, StandIn
from tests.e2e.servers.process import (
    NotInstalledError,
    Server,
    ServerError,
    find_program,
    free_port,
    listens,
    wait_until,
)
from tests.e2e.servers.prometheus import Agent, Prometheus, Sample
from tests.e2e.servers.victoriametrics import VictoriaMetrics, Vmalert

__all__ = [
    "Agent",
    "Alertmanager",
    "Demo",
    "FerretDB",
    "MongoServer",
    "Mongod",
    "NotInstalledError",
    "Prometheus",
    "Sample",
    "Server",
    "ServerError",
    "Sidecar",
    "StandIn",
    "VictoriaMetrics",
    "Vmalert",
    "find_program",
    "free_port",
    "listens",
    "mongodb_server",
    "wait_until",
]
