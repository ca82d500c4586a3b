"""Who may import whom, and how light the pipeline's core is."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {"pipeline": {"sidecar", "dashboards"}, "sidecar": {"dashboards"}, "dashboards": set[str]()}
SIDECAR_MAY_IMPORT_FROM_PIPELINE = {"pipeline", "pipeline.metrics", "pipeline.definitions"}
CORE_MAY_LOAD = {"pipeline", "circuitbreaker", "prometheus_client"}


@functools.cache
def imports_of(package: str) -> set[tuple[str, str]]:
    """(file, imported module) for every import statement in the package, inside functions too."""
    found = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {(str(path.relative_to(ROOT)), alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add((str(path.relative_to(ROOT)), node.module))
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_packages_import_in_one_direction_only(package: str) -> None:
    wrong = {
        (file, module) for file, module in imports_of(package) if module.split(".")[0] in FORBIDDEN[package]
    }
    assert wrong == set()


def test_the_sidecar_knows_the_pipeline_by_its_metrics_alone() -> None:
    from_pipeline = {
        (file, module) for file, module in imports_of("sidecar") if module.split(".")[0] == "pipeline"
    }
    assert from_pipeline, "the scan found nothing: it is broken"
    assert {(f, m) for f, m in from_pipeline if m not in SIDECAR_MAY_IMPORT_FROM_PIPELINE} == set()


def test_importing_the_pipeline_loads_nothing_heavy() -> None:
    program = (
        "import sys; before = set(sys.modules); import pipeline;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert set(loaded) - set(sys.stdlib_module_names) <= CORE_MAY_LOAD


def test_what_few_kinds_of_probe_need_is_not_loaded_without_them() -> None:
    program = (
        "import sys, sidecar.cli, sidecar.app;"
        "sys.exit(' '.join({'motor', 'pymongo', 'dns', 're2'} & set(sys.modules)) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT).returncode == 0
