"""Every answer's headers to the dependency's rate limit: what has come to 0 pauses it before a 429 does."""

from __future__ import annotations

from typing import Any

from pipeline.dependency import Dependency


def listen_to_limits(http_client: Any, dependency: Dependency) -> None:  # noqa: ANN401
    """`http_client` is httpx's, sync or async. Listened to once, whoever asks for it again."""
    hooks = getattr(http_client, "event_hooks", None)
    if not isinstance(hooks, dict) or not dependency.heeds_headers:
        return
    listeners = hooks.setdefault("response", [])
    if any(getattr(listener, _DEPENDENCY, None) is dependency for listener in listeners):
        return

    def hear(response: Any) -> None:  # noqa: ANN401
        dependency.heed(response.headers)

    async def hear_async(response: Any) -> None:  # noqa: ANN401
        dependency.heed(response.headers)

    listener = hear_async if hasattr(http_client, "aclose") else hear
    setattr(listener, _DEPENDENCY, dependency)
    http_client.event_hooks = {**hooks, "response": [*listeners, listener]}


_DEPENDENCY = "_pipeline_dependency"
