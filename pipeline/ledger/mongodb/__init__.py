"""Budget and quota that processes of many machines share, in MongoDB or what speaks its protocol.

Two collections: `budget` has one document a period, `rate_limits` one for each dependency and window. Every
step changes one document by one update whose filter holds all its conditions, so that whoever reads a
document at any instant finds its sums right.

connection.py       a thread that talks to the server, and the server's clock
rounds.py           what is due is told in rounds; who asks waits for the next
budget_document.py  a period's money and the updates that move it
hold.py             one process's share of it
budget.py           `SharedBudget`, the face for the gates
rate_document.py    a dependency's permits and the updates that take them
rates.py            `SharedRates`, the face for the gates

Importing this loads no driver; motor is loaded when something is asked of the server.
"""

from pipeline.ledger.mongodb.budget import SharedBudget
from pipeline.ledger.mongodb.connection import Connection, UnavailableError
from pipeline.ledger.mongodb.rates import SharedRates
from pipeline.ledger.mongodb.server_clock import ServerClock

__all__ = ["Connection", "ServerClock", "SharedBudget", "SharedRates", "UnavailableError"]
