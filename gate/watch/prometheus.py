"""Numbers from a Prometheus server: instant queries of its HTTP API (prometheus.io/docs/prometheus/latest/querying/api)."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from probes.live.client import BadAnswer

if TYPE_CHECKING:
    from probes.live.client import Client

WINDOW = "$window"
MAX_BYTES = 1 << 20


async def query(client: Client, expression: str, *, window: float, at: float) -> float | None:
    """The value of `expression` at a moment, with `$window` in it as that many seconds; None where there is no data.

    Raises:
        ProbeError: no answer, an error, or more than one series.
    """
    text = expression.replace(WINDOW, f"{max(1, round(window))}s")
    path = f"/api/v1/query?{urlencode({'query': text, 'time': f'{at:.3f}'})}"
    response = await client.get(path, limit=MAX_BYTES)
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError) as exc:
        raise BadAnswer(f"HTTP {response.status}, not Prometheus's JSON", subject=client.base) from exc
    return value_of(body, client.base)


def value_of(body: Any, subject: str) -> float | None:
    """The one number in an answer.

    Raises:
        BadAnswer: it is an error, or another shape.
    """
    try:
        if body["status"] != "success":
            raise BadAnswer(f"Prometheus: {str(body.get('error', ''))[:200]}", subject=subject)
        kind, result = body["data"]["resultType"], body["data"]["result"]
        if kind == "vector":
            if len(result) > 1:
                hint = "aggregate it, such as with sum(…)"
                raise BadAnswer(f"the query gives {len(result)} series, not one number", subject=subject, hint=hint)
            pair = result[0]["value"] if result else (0, "nan")
        else:
            pair = result
        if kind not in ("vector", "scalar"):
            raise BadAnswer(f"the query gives a {str(kind)[:20]}, not one number", subject=subject)
        value = float(pair[1])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as exc:
        raise BadAnswer("not the answer to an instant query of one number", subject=subject) from exc
    return value if math.isfinite(value) else None
