"""Budget and quota that processes of many machines share, in MongoDB or what speaks its protocol.

Two collections: `budget` has one document a period, `rate_limits` one for each dependency and window. Every
step changes one document by one update whose filter holds all its conditions, so that whoever reads a
document at any instant finds its sums right.

connection.py       a thread that talks to the server, and the server's clock
rounds.py           what is due is told in rounds; who asks waits for the next
budget_document.py  a period's money and the updates that move it
hold.py             one process's share of it
shares.py           that share, divided among the process' calls
leasing.py          how much of it is leased ahead
budget_store.py     asks for a step, and finds out what became of it
budget_rounds.py    what is due, in order
budget.py           `SharedBudget`, the face for the gates
rate_document.py    a dependency's permits and the updates that take them
permits.py          what this process has of them
rate_rounds.py      what is due
rates.py            `SharedRates`, the face for the gates

Importing this loads no driver; motor is loaded when something is asked of the server.
"""

from pipeline.ledger.mongodb.budget import SharedBudget
from pipeline.ledger.mongodb.connection import Connection, UnavailableError
from pipeline.ledger.mongodb.rates import SharedRates
from pipeline.ledger.mongodb.server_clock import ServerClock

__all__ = ["Connection", "ServerClock", "SharedBudget", "SharedRates", "UnavailableError"]
