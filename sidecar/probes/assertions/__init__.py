"""What an answer must be besides accepted: patterns and JSON paths, bounded in time whatever comes."""

from __future__ import annotations

from sidecar.probes.assertions.answer import MAX_JSON_BYTES, Assertions
from sidecar.probes.assertions.json_path import JsonPath

__all__ = ["MAX_JSON_BYTES", "Assertions", "JsonPath"]
