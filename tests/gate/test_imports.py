"""What is slow to import stays out of the commands that do not need it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gate.report.formats import names
from tests.conftest import first

REPO = Path(__file__).parents[2]
SLOW = {"numpy", "elftools", "iced_x86", "capstone", "pydantic", "rich", "scipy"}
SLOW |= {"starlette", "uvicorn", "jinja2", "prometheus_client", "yaml", "sqlalchemy"}


def imported_by(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPO, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "allowed"),
    first(
        6,
        [
            ("import gate.cli", set()),
            ("import gate.cli.releases, gate.apply.overview", set()),
            ("import gate.cli.check, gate.runs.comparison", set()),
            ("from gate.rules.base import discover; discover()", set()),
            ("import gate.report.formats.json", set()),
            ("import gate.report.formats.terminal", {"rich"}),
            ("import gate.cli.render", set()),
            ("import gate.cli.fleet; from gate.cli._fleet import plan, schema, validate", set()),
            ("import gate.cli.audit, gate.cli.store, gate.cli.probe, gate.store.errors, gate.store.chain", set()),
            ("from gate.policy.file import load_policy; load_policy('testdata/services/orders/hotgate.toml')", set()),
            ("from probes.live.goprobe import wire, descriptions", set()),
            *((f"import gate.report.formats.{name}", set()) for name in names() if name != "terminal"),
        ],
    ),
)
def test_nothing_slow_is_imported(code, allowed):
    assert imported_by(code) & SLOW == allowed


@pytest.mark.parametrize(
    "code",
    [
        "import probes.go.facts, probes.drift.facts",
        "from probes.go.module import layouts; from probes.drift.arch import windows",
        "from probes.go import load; from probes.drift import compare",
        "import probes.go.loading, probes.drift.comparison",
    ],
)
def test_the_packages_export_functions_whatever_was_imported_before(code):
    imported_by(
        f"{code}\nfrom probes.go import load\nfrom probes.drift import compare\n"
        "import probes.go, probes.drift\n"
        "assert probes.go.load is load and callable(load)\n"
        "assert probes.drift.compare is compare and callable(compare)"
    )


@pytest.mark.parametrize(("package", "function"), [("probes.go", "load"), ("probes.drift", "compare")])
def test_no_module_has_the_name_of_an_exported_function(package, function):
    """While another thread imports such a module, the package's attribute is the module, and a call of it fails."""
    imported_by(f"import importlib.util\nassert importlib.util.find_spec('{package}.{function}') is None")


@pytest.mark.parametrize("package", ["probes.go", "probes.drift"])
def test_the_packages_have_nothing_else(package):
    imported_by(f"import {package}\nassert not hasattr({package}, 'nothing')")


TWO_PROFILES = """
from gate.cli import cli
try:
    cli.main(["profile", "diff", "testdata/profiles/cpu.pb.gz", "testdata/profiles/cpu-slower.pb.gz", "--format", "json"])
except SystemExit:
    print()
"""


def test_two_profiles_are_compared_without_what_tests_and_services_need():
    program = f"import sys\n{TWO_PROFILES}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPO, capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert "probes.profile.comparison.compare" in modules
    assert not {"scipy", "pydantic", "httpx", "asyncio", "numpy.ma", "numpy.random"} & modules


AT_THE_END = """
import atexit, os, sys
from gate import cli

def end():
    print(len(os.listdir("/proc/self/task")), *sys.modules, file=sys.stderr)

atexit.register(end)
sys.argv = ["hotgate", "check", sys.argv[1], sys.argv[2], "--format", "json"]
cli.main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc, which only Linux has")
def test_a_check_runs_no_spinning_thread_and_imports_no_masked_arrays(binary):
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    old, new = binary("go1.26-amd64-exe"), binary("go1.26-amd64-pie")
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END, str(old), str(new)],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 10, 11}, done.stderr
    threads, *modules = done.stderr.splitlines()[-1].split()
    assert threads == "1"
    assert not {"numpy.ma", "sqlalchemy", "scipy", "pydantic", "asyncio"} & set(modules)


def test_a_plain_check_reads_no_flags_and_no_system_calls(binary):
    old, new = binary("go1.26-amd64-exe"), binary("go1.27-amd64-exe")
    code = (
        "from click.testing import CliRunner\nfrom gate.cli import cli\n"
        f"done = CliRunner().invoke(cli, ['check', {str(old)!r}, {str(new)!r}, '--format', 'json'])\n"
        "assert done.exit_code in (0, 10, 11), done.output\n"
        "import sys\n"
        "late = ('probes.code.program', 'probes.code.states', 'probes.commandline.comparison', 'probes.kernel.system_calls', 'probes.live.proc')\n"
        "assert not [name for name in sys.modules if name.startswith(late)]"
    )
    imported_by(code)
