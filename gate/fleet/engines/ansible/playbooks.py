"""The playbooks of a plan: what to look at first, a stage each, all of it, and the way back."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING

from gate.fleet.plan.text import duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gate.fleet.plan.model import Plan, StagePlan

ROLES = ("prewarm", "gate", "apply", "observe", "rollback")


def render(plan: Plan, mark: str) -> dict[str, str]:
    """Path below the folder -> text, of everything but the runbook; the first line of each begins with `mark`."""
    bodies = {
        "site.yml": _site(plan),
        "preflight.yml": _preflight(plan),
        "rollback.yml": _rollback(plan),
        "ansible.cfg": _config(plan),
        "group_vars/all.yml": _variables(plan),
        "roles/hotgate/defaults/main.yml": _defaults(plan),
    }
    bodies |= {stage_file(plan, each): _stage(plan, each) for each in plan.stages}
    files = {place: f"# {mark} {text}" for place, text in bodies.items()}
    for role in ROLES:
        files[f"roles/{role}/meta/main.yml"] = (
            f"# {mark}; the same for every plan.\n---\ndependencies:\n  - role: hotgate\n"
        )
    folder = resources.files("gate.fleet.engines.ansible.files")
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".yml"):
            place = file.name.removesuffix(".yml").replace(".", "/") + ".yml"
            files[place] = f"# {mark}; the same for every plan.\n{file.read_text('utf-8')}"
    return files


def stage_file(plan: Plan, own: StagePlan) -> str:
    """The name of a stage's playbook."""
    width = max(2, len(str(len(plan.stages))))
    return f"stage-{own.stage.number:0{width}}-{own.stage.hosts}.yml"


def _head(plan: Plan, said: str) -> list[str]:
    return [f"from the release {plan.release.name}: {said}", "---"]


def _quoted(text: str) -> str:
    """A text in YAML's double quotes, which are JSON's."""
    return json.dumps(text)


def _components(plan: Plan, names: Iterable[str], indent: int) -> list[str]:
    by_name = plan.components
    pad = " " * indent
    return [f"{pad}- {{name: {_quoted(name)}, version: {_quoted(by_name[name].version)}}}" for name in names]


def _site(plan: Plan) -> str:
    lines = _head(plan, "all of it, in order")
    lines += [
        "# ansible-playbook -i hosts.ini site.yml           all of it; started again, it goes on where it stopped",
        "# ansible-playbook -i hosts.ini site.yml --check   what would be updated",
        "# ansible-playbook -i hosts.ini rollback.yml       back, in reverse order",
        "- name: Before anything is changed",
        "  ansible.builtin.import_playbook: preflight.yml",
    ]
    for each in plan.stages:
        lines += [f"- name: Stage {each.stage.number}", f"  ansible.builtin.import_playbook: {stage_file(plan, each)}"]
    return "\n".join(lines) + "\n"


def _preflight(plan: Plan) -> str:
    lines = _head(plan, "every host is up and has the release, before anything is changed")
    groups: dict[str, list[str]] = {}
    for each in plan.stages:
        groups.setdefault(each.stage.hosts, []).extend(each.stage.components)
    lines += [
        "- name: Ask whether every host is up # in seconds, before some fetch for minutes",
        f"  hosts: [{', '.join(_quoted(group) for group in groups)}]",
        "  gather_facts: false",
        "  any_errors_fatal: true # a host that cannot be reached, too",
        "  tags: [preflight]",
        "  tasks:",
        "    - name: Answer",
        "      ansible.builtin.ping:",
    ]
    for group, names in groups.items():
        lines += [
            f"- name: Have the releases on the hosts of {group}",
            f"  hosts: {_quoted(group)}",
            "  gather_facts: false",
            "  max_fail_percentage: 0",
            "  any_errors_fatal: true # a host that cannot be reached, too",
            "  tags: [preflight]",
            "  tasks:",
            "    - name: Fetch them",
            "      ansible.builtin.include_role:",
            "        name: prewarm",
            "        apply: {tags: [preflight]}",
            "      vars:",
            "        prewarm_components:",
            *_components(plan, names, 10),
        ]
    return "\n".join(lines) + "\n"


def _stage(plan: Plan, own: StagePlan) -> str:
    stage, release = own.stage, plan.release
    tag = f"stage{stage.number}"
    by_name = plan.components
    named = ", ".join(f"{name} {by_name[name].version}" for name in stage.components[:6])
    if len(stage.components) > 6:
        named += f" and {len(stage.components) - 6} more"
    lines = _head(plan, f"stage {stage.number}, {named}")
    if stage.why:
        lines.insert(1, f"# A stage of its own: {stage.why}.")
    lines += [
        f"- name: Stage {stage.number}, the hosts of {stage.hosts} batch by batch",
        f"  hosts: {_quoted(stage.hosts)}",
        f"  serial: [{', '.join(_quoted(each) if each.endswith('%') else each for each in release.batches)}]",
        "  max_fail_percentage: 0",
        "  gather_facts: false",
        f"  tags: [{tag}]",
        "  tasks:",
        "    - name: Update the batch",
        f"      tags: [{tag}]",
        "      block:",
        *_role(
            "Ask the gate before anything is changed",
            "gate",
            "gate_components",
            _components(plan, stage.components, 14),
        ),
        *_stop("Stop the batch if the gate holds one back"),
    ]
    steps = stage.levels if release.strategy == "parallel" else tuple((name,) for name in stage.components)
    for names in steps:
        said = ", ".join(f"{name} to {by_name[name].version}" for name in names)
        lines += _role(f"Update {said}", "apply", "apply_components", _components(plan, names, 14))
        lines += _stop(f"Stop the batch if {' or '.join(names)} failed")
    lines += [
        *_role(
            f"Observe for {duration(release.observe)}",
            "observe",
            "observe_components",
            _components(plan, stage.components, 14),
        ),
        *_stop("Stop the batch if one got worse"),
        "      rescue:",
        "        # The next play takes back; no other batch is begun.",
        "        - name: End this stage",
        "          ansible.builtin.meta: end_play",
    ]
    return "\n".join(lines + _back(plan, own, tag)) + "\n"


def _role(said: str, role: str, variable: str, components: list[str]) -> list[str]:
    return [
        f"        - name: {said}",
        "          ansible.builtin.include_role:",
        f"            name: {role}",
        "          vars:",
        f"            {variable}:",
        *components,
    ]


def _stop(said: str) -> list[str]:
    return [f"        - name: {said}", "          ansible.builtin.include_tasks: tasks/stop.yml"]


def _back(plan: Plan, own: StagePlan, tag: str) -> list[str]:
    """The play that takes back where a batch failed, and ends the release."""
    stage = own.stage
    lines = [
        f"- name: Stage {stage.number}, taken back if it failed",
        f"  hosts: {_quoted(stage.hosts)}",
        "  gather_facts: false",
        f"  tags: [{tag}]",
        "  vars:",
        "    # A component that failed -> what is taken back with it: what depends on it.",
        "    hotgate_with:",
        *(
            f"      {_quoted(name)}: [{', '.join(map(_quoted, plan.taken_back(stage, name)))}]"
            for name in stage.components
        ),
        "    hotgate_back: \"{{ hotgate_bad | map('extract', hotgate_with) | flatten | unique }}\"",
        "  tasks:",
    ]
    if plan.release.rollback_policy == "auto":
        lines += [
            "    - name: Take back in reverse order, on the hosts that this run has been to",
            "      ansible.builtin.include_role:",
            "        name: rollback",
            f"        apply: {{tags: [{tag}]}}",
            "      vars:",
            '        rollback_component: "{{ item }}"',
            "      loop:",
            *_components(plan, reversed(stage.components), 8),
            "      loop_control:",
            '        label: "{{ item.name }}"',
            f"      tags: [{tag}]",
            "      when: apply_touched | default(false) and item.name in hotgate_back",
        ]
    else:
        lines.append("    # rollback_policy: manual. To go back: ansible-playbook -i hosts.ini rollback.yml")
    lines += [
        "    - name: End the release here",
        "      ansible.builtin.fail:",
        '        msg: "{{ hotgate_why }}{{ hotgate_ending }}"',
        f"      tags: [{tag}]",
        "      run_once: true # noqa: run-once[task]",
        "      when: hotgate_why | length > 0",
    ]
    return lines


def _rollback(plan: Plan) -> str:
    lines = _head(plan, "the way back, in reverse order")
    lines += [
        "# Hosts that do not run what the plan brought are left alone, so it can be started at any point, and again.",
        "# ansible-playbook -i hosts.ini rollback.yml --tags stage3 takes back one stage.",
    ]
    for each in reversed(plan.stages):
        stage = each.stage
        tag = f"stage{stage.number}"
        lines += [
            f"- name: Take back stage {stage.number}",
            f"  hosts: {_quoted(stage.hosts)}",
            "  gather_facts: false",
            f"  tags: [{tag}]",
            "  tasks:",
            "    - name: Take back in reverse order",
            "      ansible.builtin.include_role:",
            "        name: rollback",
            f"        apply: {{tags: [{tag}]}}",
            "      vars:",
            '        rollback_component: "{{ item }}"',
            "      loop:",
            *_components(plan, reversed(stage.components), 8),
            "      loop_control:",
            '        label: "{{ item.name }}"',
            f"      tags: [{tag}]",
            "    - name: Stop where one could not be taken back",
            "      ansible.builtin.assert:",
            "        that: rollback_failed | default([]) | length == 0",
            "        fail_msg: \"not taken back: {{ rollback_failed | default([]) | join(', ') }}\"",
            "        quiet: true",
            f"      tags: [{tag}]",
        ]
    return "\n".join(lines) + "\n"


def _config(plan: Plan) -> str:
    lines = [
        f"from the release {plan.release.name}",
        "[defaults]",
        f"forks = {plan.release.forks}",
        "gathering = explicit",
        "retry_files_enabled = false",
        "",
        "[ssh_connection]",
        "pipelining = true",
    ]
    return "\n".join(lines) + "\n"


def _defaults(plan: Plan) -> str:
    lines = _head(plan, "what can be set, for hosts and groups in the inventory, or by -e")
    lines += [
        "hotgate_program: hotgate",
        "hotgate_config: /etc/hotgate/hotgate.toml",
        "# Why the gate is not to count on the way back; it is in the audit log. Empty: it counts.",
        'hotgate_force: ""',
        "# Hosts that fetch the release at the same time.",
        f"hotgate_prewarm_at_once: {plan.release.forks}",
        "# What one update may take where several go side by side.",
        "hotgate_apply_seconds: 900",
        "# How often, every 5 s, an update that is under way is waited for.",
        "hotgate_busy_retries: 120",
        "# The plan's time of observation, and what a watch may take longer than that.",
        f"hotgate_observe_seconds: {round(plan.release.observe)}",
        "hotgate_watch_seconds: 3600",
    ]
    return "\n".join(lines) + "\n"


def _variables(plan: Plan) -> str:
    ending = (
        "it was taken back where this run had brought it"
        if plan.release.rollback_policy == "auto"
        else "nothing was taken back: rollback_policy is manual"
    )
    lines = _head(plan, "what came of it so far, for the playbooks; what can be set is in roles/hotgate/defaults")
    lines += [
        "# What failed, and where, on the hosts of the play that this run has been to.",
        "hotgate_hosts: \"{{ ansible_play_hosts_all | map('extract', hostvars) | list }}\"",
        "hotgate_bad: >-",
        "  {{ (hotgate_hosts | map(attribute='apply_failed', default=[]) | list",
        "      + hotgate_hosts | map(attribute='observe_failed', default=[]) | list) | flatten | unique | list }}",
        "# Held back by a gate, or by the running image: nothing was changed there.",
        "hotgate_held: >-",
        "  {{ (hotgate_hosts | map(attribute='gate_held', default=[]) | list",
        "      + hotgate_hosts | map(attribute='apply_held', default=[]) | list) | flatten | unique | list }}",
        "hotgate_down: >-",
        "  {{ (hotgate_hosts | selectattr('gate_down', 'defined') | selectattr('gate_down') | list",
        "      + hotgate_hosts | selectattr('apply_down', 'defined') | selectattr('apply_down') | list",
        "      + hotgate_hosts | selectattr('observe_down', 'defined') | selectattr('observe_down') | list)",
        "     | map(attribute='inventory_hostname') | unique | list }}",
        "hotgate_why: >-",
        "  {{ ('failed: ' + hotgate_bad | join(', ')) if hotgate_bad",
        "     else ('held back: ' + hotgate_held | join(', ') + '; nothing was taken back, start again when it passes') if hotgate_held",
        "     else ('not reached: ' + hotgate_down | join(', ') + '; nothing was taken back, start again when they are up') if hotgate_down",
        "     else '' }}",
        "hotgate_left: >-",
        "  {{ hotgate_hosts | selectattr('rollback_failed', 'defined') | selectattr('rollback_failed')",
        "     | map(attribute='inventory_hostname') | list }}",
        "hotgate_ending: >-",
        "  {{ '' if not hotgate_bad",
        "     else ('; not taken back on ' + hotgate_left | join(', ')) if hotgate_left",
        f"     else '; {ending}' }}}}",
    ]
    return "\n".join(lines) + "\n"
