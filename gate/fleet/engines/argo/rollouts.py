"""What Argo Rollouts does between the batches of a component: the steps of each Rollout, and the analysis that asks the sidecar."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gate.fleet.release.model import Component, Release

EVERY = 30
"""Seconds between two questions."""


def weights(batches: tuple[str, ...]) -> tuple[int, ...]:
    """Shares of the pods after each batch but the last, in percent, growing: a number of hosts is the least share, one pod."""
    found: list[int] = []
    for each in batches[:-1]:
        step = int(each[:-1]) if each.endswith("%") else 1
        found.append(min(99, (found[-1] if found else 0) + step))
    return tuple(dict.fromkeys(found))


def steps(release: Release, each: Component) -> str:
    """A patch of the component's Rollout, without its first line."""
    own = each.kubernetes
    observe = max(round(release.observe), 1)
    lines = [
        f"from the release {release.name}: how {each.name} is updated.",
        f"# kubectl patch rollout {own.rollout} -n {own.namespace} --type merge --patch-file rollouts/{each.name}.yaml",
        "apiVersion: argoproj.io/v1alpha1",
        "kind: Rollout",
        "metadata:",
        f"  name: {own.rollout}",
        f"  namespace: {own.namespace}",
        "spec:",
        "  strategy:",
        "    canary:",
        "      # Asks all the while; it fails as soon as the sidecar says rollback, and the rollout goes back by itself.",
        "      analysis:",
        "        templates: [{templateName: hotgate-release}]",
        f"        args: [{{name: service, value: {each.name}}}]",
        "      steps:",
    ]
    for weight in weights(release.batches):
        lines += [f"        - setWeight: {weight}", f'        - pause: {{duration: "{observe}s"}}']
    lines += [
        "        - setWeight: 100",
        f'        - pause: {{duration: "{observe}s"}}',
    ]
    return "\n".join(lines) + "\n"


def analysis(release: Release, namespace: str) -> str:
    """The AnalysisTemplate of a namespace, without its first line."""
    pauses = len(weights(release.batches)) + 1
    count = max(2, ceil(release.observe * pauses / EVERY))
    lines = [
        f"from the release {release.name}: asks the sidecar while a component is updated.",
        "apiVersion: argoproj.io/v1alpha1",
        "kind: AnalysisTemplate",
        "metadata:",
        "  name: hotgate-release",
        f"  namespace: {namespace}",
        "spec:",
        "  args:",
        "    - name: service",
        "    - name: sidecar",
        f'      value: "http://hotgate.{namespace}.svc:9847"',
        "    - name: token",
        "      valueFrom:",
        "        secretKeyRef: {name: hotgate, key: token}",
        "  metrics:",
        "    # `idle`: the sidecar has not seen the update yet; that does not pass for ever, and pauses the rollout for a person.",
        "    - name: watch",
        f'      interval: "{EVERY}s"',
        f"      count: {count}",
        "      failureLimit: 0",
        "      inconclusiveLimit: 2",
        '      successCondition: result == "clear" || result == "watching"',
        '      failureCondition: result == "rollback"',
        "      provider:",
        "        web:",
        '          url: "{{args.sidecar}}/v1/services/{{args.service}}/watch"',
        "          headers:",
        "            - key: Authorization",
        '              value: "Bearer {{args.token}}"',
        '          jsonPath: "{$.state}"',
        "          timeoutSeconds: 60",
    ]
    return "\n".join(lines) + "\n"
