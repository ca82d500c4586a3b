"""Whether MongoDB's driver takes an address, found out before anybody has to connect."""

from __future__ import annotations

import warnings
from typing import Any


def is_understood(uri: str) -> bool:
    """Whether the driver makes a client of it; that looks no name up and connects to nothing."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser import parse_uri

    try:
        with warnings.catch_warnings(action="ignore"):
            # A client only warns of options that it does not know. This looks up the name of `mongodb+srv`.
            if uri.startswith("mongodb:"):
                parse_uri(uri)
            client: MongoClient[dict[str, Any]] = MongoClient(uri, connect=False)
            client.close()
    except (PyMongoError, ValueError, TypeError, LookupError, OSError):
        return False
    return True
