"""A recognisable secret in every place that can hold one is found in no output."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidecar.config import load
from sidecar.probes import PROBES
from tests.e2e.conftest import Start
from tests.e2e.servers import Sidecar
from tests.e2e.servers.ours import CLEAN_ENVIRONMENT

MARK = "S3CR3T"


@asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    """A server that throws back all it was told: in the reason phrase, in headers, in the body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            writer.close()
            return
        told = request.replace(b"\r\n", b" | ").strip(b" |")
        writer.write(
            b"HTTP/1.1 400 " + told + b"\r\nX-Told: " + told + b"\r\nLocation: http://" + told[:99] + b"\r\n"
        )
        writer.write(b"Content-Length: %d\r\n\r\n" % len(told) + told)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def config(port: int, folder: Path) -> str:
    (folder / "header").write_text(f"{MARK}-header-file\n")
    (folder / "key").write_text(f"{MARK}-key-file\n")
    url = f"http://127.0.0.1:{port}"
    return f"""
interval_seconds: 1
timeout_seconds: 0.5
dependencies:
  query: {{kind: http, url: "{url}/path?key={MARK}-query"}}
  path: {{kind: http, url: "{url}/{MARK}-path/x"}}
  header:
    kind: http
    url: "{url}/"
    headers:
      Authorization: "Bearer {MARK}-bearer"
      X-Key: {{file: {folder}/header}}
      Cookie: "session={MARK}-cookie"
  basic: {{kind: http, url: "{url}/", username: "probe-user", password: "{MARK}-password"}}
  bearer: {{kind: http, url: "{url}/", bearer_token: "{MARK}-bearer-token"}}
  proxied:
    kind: http
    url: "http://target.invalid/"
    proxy: "{url}"
    proxy_username: "proxy-user"
    proxy_password: "{MARK}-proxy"
  mongodb: {{kind: mongodb, uri: "mongodb://me:{MARK}-mongodb@127.0.0.1:{port}/?authSource={MARK}-source"}}
  firecrawl: {{kind: firecrawl, url: "{url}", api_key: "{MARK}-firecrawl"}}
  openrouter: {{kind: openrouter, url: "{url}", api_key_file: {folder}/key}}
  anthropic: {{kind: anthropic, url: "{url}", api_key: "{MARK}-anthropic"}}
  openai: {{kind: openai, url: "{url}", api_key: "{MARK}-openai"}}
  tcp: {{kind: tcp, address: "127.0.0.1:{port}", send: "{MARK}-send", expect: "never"}}
  dns: {{kind: dns, server: "127.0.0.1:{port}", query_name: "example.org"}}
  pdf: {{kind: pdf, url: "{url}", headers: {{Authorization: "Basic {MARK}-pdf"}}}}
  heartbeat: {{kind: heartbeat, token: "{MARK}-heartbeat"}}
"""


def leaks(text: str) -> list[str]:
    """The lines in which the mark is, plain or encoded in any of base64's three alignments."""
    forms = [
        MARK,
        *(
            base64.b64encode(b"x" * shift + MARK.encode())[4 if shift else 0 : -4].decode()
            for shift in range(3)
        ),
    ]
    return [line for line in text.splitlines() if any(form in line for form in forms)]


def test_the_search_finds_what_it_looks_for() -> None:
    assert leaks(f"a {MARK}-x")
    assert leaks("Basic " + base64.b64encode(f"u:{MARK}-password".encode()).decode())


async def test_no_output_holds_a_secret(start: Start, tmp_path: Path) -> None:
    async with echoing() as port:
        text = config(port, tmp_path)
        sidecar = await start(DebuggingSidecar(tmp_path / "sidecar", text))
        names = list((await sidecar.document())[1]["dependencies"])
        assert {
            sidecar_kind["kind"] for sidecar_kind in (await sidecar.document())[1]["dependencies"].values()
        } == {probe.kind for probe in PROBES}, "a kind is missing from the configuration above"
        await asyncio.sleep(2.5)
        paths = ["/", "/metrics", "/api/health/status", "/openapi.json", "/api/health/schema.json", "/readyz"]
        paths += [f"/probe?dependency={name}" for name in names] + [f"/debug/probes/{name}" for name in names]
        for path in paths:
            status, body = await sidecar.get(path)
            assert status == 200, (path, status)
            assert leaks(body) == [], path
        assert leaks(sidecar.output()) == []
        assert "probe.failed" in sidecar.output()


class DebuggingSidecar(Sidecar):
    def command(self) -> list[str]:
        program, *rest = super().command()
        return [program, *rest[:2], "--log-level", "debug", *rest[2:]]


@pytest.mark.parametrize(
    "mistake",
    ["timeout_seconds: 5\n", "nonsense: 1\n", "listen: nowhere\n", "  more: {kind: htpp}\n", "  : : :\n"],
)
async def test_no_error_holds_a_secret(tmp_path: Path, mistake: str) -> None:
    file = tmp_path / "sidecar.yml"
    text = config(9, tmp_path)
    broken = text.replace("kind: http, url", "kind: http, ulr").replace("api_key:", "api_kee:")
    for content in (text + mistake, broken + mistake, text.replace('"', "*") + mistake):
        file.write_text(content)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "sidecar", "check-config", "--config", str(file)),
            env=CLEAN_ENVIRONMENT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 2, output
        assert leaks(output.decode()) == []


def test_no_repr_holds_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.yml"
    file.write_text(config(9, tmp_path))
    loaded = load({"OPENAI_API_KEY": f"{MARK}-environment"}, file)
    assert leaks(repr(loaded) + str(loaded)) == []
    for name, options in loaded.dependencies.items():
        kind = next(probe for probe in PROBES if probe.options_type is type(options))
        probe = kind(name, options)
        assert leaks(repr(options) + str(options) + repr(probe) + repr(vars(probe))) == []
