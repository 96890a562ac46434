"""The Workflow of a plan: a task for each component, and an exit handler that goes back in reverse order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.fleet.errors import FleetError

if TYPE_CHECKING:
    from gate.fleet.plan.model import Plan
    from gate.fleet.release.model import Component

KUBECTL = "quay.io/argoproj/kubectl-argo-rollouts:v1.8.3"
ENDS = ("Succeeded", "Skipped", "Omitted", "Failed", "Errored")
"""Of a task: all that there are."""
MOST = 1_400_000
"""Bytes; the API server's store takes requests of 1.5 MiB."""
SLACK = 3600
"""Seconds that a rollout may take beyond the time that its steps observe."""

_TEMPLATES = """    # One component: its Rollout gets the new image, and goes through its steps (rollouts/). To set an image that is set changes nothing.
    - name: update
      inputs:
        parameters: [{name: namespace}, {name: rollout}, {name: image}]
      steps:
        - - name: set-image
            template: set-image
            arguments:
              parameters:
                - {name: namespace, value: "{{inputs.parameters.namespace}}"}
                - {name: rollout, value: "{{inputs.parameters.rollout}}"}
                - {name: image, value: "{{inputs.parameters.image}}"}
        - - name: wait
            template: wait
            arguments:
              parameters:
                - {name: namespace, value: "{{inputs.parameters.namespace}}"}
                - {name: rollout, value: "{{inputs.parameters.rollout}}"}
    - name: set-image
      inputs:
        parameters: [{name: namespace}, {name: rollout}, {name: image}]
      retryStrategy:
        limit: "3"
        retryPolicy: Always
        backoff: {duration: "10s", factor: "2", maxDuration: "5m"}
      container:
        image: "{{workflow.parameters.kubectl}}"
        args: [set, image, "{{inputs.parameters.rollout}}", "{{inputs.parameters.image}}", -n, "{{inputs.parameters.namespace}}"]
    # Ends with the rollout: a degraded one is no reason to try again.
    - name: wait
      inputs:
        parameters: [{name: namespace}, {name: rollout}]
      retryStrategy:
        limit: "3"
        retryPolicy: OnError
      container:
        image: "{{workflow.parameters.kubectl}}"
        args: [status, "{{inputs.parameters.rollout}}", -n, "{{inputs.parameters.namespace}}", --timeout, "{{workflow.parameters.timeout}}"]
"""
_BACK = """    # Which image a component has: what this release has not brought is not taken back.
    - name: look
      inputs:
        parameters: [{name: namespace}, {name: rollout}, {name: container}]
      retryStrategy:
        limit: "3"
        retryPolicy: Always
        backoff: {duration: "10s", factor: "2", maxDuration: "5m"}
      resource:
        action: get
        manifest: |
          apiVersion: argoproj.io/v1alpha1
          kind: Rollout
          metadata:
            name: {{inputs.parameters.rollout}}
            namespace: {{inputs.parameters.namespace}}
      outputs:
        parameters:
          - name: image
            valueFrom:
              jsonPath: '{.spec.template.spec.containers[?(@.name=="{{inputs.parameters.container}}")].image}'
    - name: back
      inputs:
        parameters: [{name: namespace}, {name: rollout}]
      steps:
        - - name: undo
            template: undo
            arguments:
              parameters:
                - {name: namespace, value: "{{inputs.parameters.namespace}}"}
                - {name: rollout, value: "{{inputs.parameters.rollout}}"}
        - - name: wait
            template: wait
            arguments:
              parameters:
                - {name: namespace, value: "{{inputs.parameters.namespace}}"}
                - {name: rollout, value: "{{inputs.parameters.rollout}}"}
    # To undo twice would go forth again, so it is not tried again.
    - name: undo
      inputs:
        parameters: [{name: namespace}, {name: rollout}]
      container:
        image: "{{workflow.parameters.kubectl}}"
        args: [undo, "{{inputs.parameters.rollout}}", -n, "{{inputs.parameters.namespace}}"]
"""


def render(plan: Plan) -> str:
    """The document, without its first line."""
    release = plan.release
    auto = release.rollback_policy == "auto"
    timeout = round(release.observe * len(release.batches)) + SLACK
    lines = [
        f"from the release {release.name}.",
        "# kubectl create -f workflow.yaml: all of it. Created again, it goes on: what is there changes nothing.",
        "apiVersion: argoproj.io/v1alpha1",
        "kind: Workflow",
        "metadata:",
        f"  generateName: {release.name}-",
        "spec:",
        "  entrypoint: release",
        *(["  onExit: end"] if auto else ["  # rollback_policy is manual: nothing is taken back by itself."]),
        "  serviceAccountName: hotgate-release",
        "  arguments:",
        "    parameters:",
        f'      - {{name: kubectl, value: "{KUBECTL}"}}',
        f'      - {{name: timeout, value: "{timeout}s"}}',
        "  templates:",
        "    - name: release",
        "      dag:",
        "        tasks:",
    ]
    previous = ""
    for name in plan.order.names:
        each = plan.components[name]
        waits = list(dict.fromkeys(edge.before for edge in plan.order.before[name]))
        if release.strategy == "rolling" and previous and previous not in waits:
            waits.append(previous)
        previous = name
        lines += [f"          # {edge.why}" for edge in plan.order.before[name]]
        lines += [f"          - name: {name}", "            template: update"]
        if waits:
            lines.append(f'            depends: "{" && ".join(f"{other}.Succeeded" for other in waits)}"')
        lines += _arguments(each, image=True)
    lines.append(_TEMPLATES.rstrip("\n"))
    if auto:
        lines += _end(plan)
    text = "\n".join(lines) + "\n"
    if len(text) > MOST:
        said = f"{release.source}: the Workflow has {len(text) / 1e6:.1f} MB, and Kubernetes keeps objects of 1.5 MiB"
        raise FleetError(said, hint="split the plan into several, or render it for Ansible")
    return text


def image_of(each: Component) -> str:
    """The image that the component goes to."""
    return f"{each.kubernetes.image}:{each.version}"


def _arguments(each: Component, *, image: bool) -> list[str]:
    own = each.kubernetes
    found = [
        "            arguments:",
        "              parameters:",
        f'                - {{name: namespace, value: "{own.namespace}"}}',
        f'                - {{name: rollout, value: "{own.rollout}"}}',
    ]
    if image:
        found.append(f'                - {{name: image, value: "{own.container}={image_of(each)}"}}')
    return found


def _end(plan: Plan) -> list[str]:
    lines = [
        "    # Always run at the end; it goes back unless everything has succeeded.",
        "    - name: end",
        "      steps:",
        "        - - name: go-back",
        "            template: go-back",
        '            when: "{{workflow.status}} != Succeeded"',
        "    # In reverse order: what waits for a component goes back before it.",
        "    - name: go-back",
        "      dag:",
        "        failFast: false",
        "        tasks:",
    ]
    rolling = plan.release.strategy == "rolling"
    previous = ""
    for name in reversed(plan.order.names):
        each = plan.components[name]
        waits = list(dict.fromkeys(edge.after for edge in plan.order.after[name]))
        if rolling and previous and previous not in waits:
            waits.append(previous)
        previous = name
        # One that had nothing to take back is Skipped, and one that failed must not keep the others from going back.
        depends = " && ".join(f"({' || '.join(f'back-{other}.{end}' for end in ENDS)})" for other in waits)
        lines += [f"          - name: look-{name}", "            template: look"]
        lines += [f'            depends: "{depends}"'] if depends else []
        lines += [
            *_arguments(each, image=False),
            f'                - {{name: container, value: "{each.kubernetes.container}"}}',
        ]
        lines += [
            f"          - name: back-{name}",
            "            template: back",
            f'            depends: "look-{name}.Succeeded"',
            f"            when: \"'{{{{tasks.look-{name}.outputs.parameters.image}}}}' == '{image_of(each)}'\"",
        ]
        lines += _arguments(each, image=False)
    lines.append(_BACK.rstrip("\n"))
    return lines
