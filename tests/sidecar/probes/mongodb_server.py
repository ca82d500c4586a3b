"""Speaks MongoDB's wire protocol on a real socket, with the answers it is given.

FerretDB, the real server of the end-to-end tests, has no replica sets.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import bson

from tests.sidecar.probes.targets import serving

Answers = dict[str, dict[str, Any]]

UNAUTHORIZED: Final = {"ok": 0.0, "code": 13, "codeName": "Unauthorized", "errmsg": "not authorized on admin"}
_HEADER: Final = struct.Struct("<iiii")  # length, request id, response to, operation
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013


def hello(**more: Any) -> dict[str, Any]:
    """What a server says about itself; without more one that is in no replica set."""
    return {
        "ok": 1.0,
        "helloOk": True,
        "isWritablePrimary": True,
        "ismaster": True,
        "maxBsonObjectSize": 16_777_216,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "minWireVersion": 0,
        "maxWireVersion": 25,
        **more,
    }


def member(port: int, *, primary: bool = False, **more: Any) -> dict[str, Any]:
    """What a member of a replica set says, the primary or a secondary."""
    name = f"127.0.0.1:{port}"
    known = {"setName": "rs0", "setVersion": 1, "hosts": [name], "me": name}
    state = {"isWritablePrimary": primary, "ismaster": primary, "secondary": not primary}
    return hello(**known, **state, **({"primary": name} if primary else {}), **more)


@asynccontextmanager
async def mongodb_server(answers: Answers) -> AsyncIterator[int]:
    """A port where each command is answered from `answers`, which may change meanwhile."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                length, request, _, operation = _HEADER.unpack(await reader.readexactly(_HEADER.size))
                body = await reader.readexactly(length - _HEADER.size)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if operation == _OP_QUERY:
                answer = bson.encode(_answer(answers, bson.decode(body[body.index(0, 4) + 9 :])))
                body, operation = struct.pack("<iqii", 8, 0, 0, 1) + answer, _OP_REPLY
            else:
                body = struct.pack("<iB", 0, 0) + bson.encode(_answer(answers, bson.decode(body[5:])))
                operation = _OP_MSG
            writer.write(_HEADER.pack(_HEADER.size + len(body), 0, request, operation) + body)
            await writer.drain()

    async with serving(serve) as port:
        yield port


def _answer(answers: Answers, command: Mapping[str, Any]) -> dict[str, Any]:
    name = next(iter(command))
    if name in {"isMaster", "ismaster"}:
        name = "hello"
    unknown = {"ok": 0.0, "code": 59, "codeName": "CommandNotFound", "errmsg": f"no such command: {name}"}
    return answers.get(name, {"ok": 1.0} if name in {"ping", "endSessions"} else unknown)
