"""A file of the user's own prices."""

from __future__ import annotations

from pathlib import Path

from pipeline.prices import Overrides, read_overrides


def overrides(tmp_path: Path, text: str) -> Overrides:
    file = tmp_path / "prices.yml"
    file.write_text(text)
    return read_overrides(file)


PRICES_FILE = """
models:
  gpt-4o-mini*:
    input_usd_per_mtok: 1
    output_usd_per_mtok: 2
  gpt-4o-mini-2024*:
    input_usd_per_mtok: 10
    cache_read_usd_per_mtok: 5
    output_usd_per_mtok: 20
    reasoning_usd_per_mtok: 40
firecrawl_usd_per_credit: 0.00083
pdf_usd_per_call: 0.002
"""
