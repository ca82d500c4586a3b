"""One HTTP/1.1 exchange over a fresh connection, bounded in bytes and measured in phases.

```python
answer = await exchange(Request("https://host/path", headers={"Accept": "text/plain"}), Route(), findings)
```
The deadline is the caller's: `exchange` ends, and closes what it opened, when it is cancelled.
"""

from __future__ import annotations

from sidecar.probes.exchange.exchange import exchange
from sidecar.probes.exchange.messages import MAX_BODY_BYTES, Answer, Request
from sidecar.probes.exchange.route import IpPreference, Proxy, Route

__all__ = ["MAX_BODY_BYTES", "Answer", "IpPreference", "Proxy", "Request", "Route", "exchange"]
