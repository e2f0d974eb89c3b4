"""The scripts behind the Makefile, on machines that lack something."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from jupyterlab.labapp import LabApp

from scripts.start_lab import WORK, command_line, work_copies

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"[a-z0-9][a-z0-9.-]*==[0-9][\w.+!]*")


def run(script: str, *arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(ROOT / "scripts" / script), *arguments]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with nothing but what is put there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def program(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def test_an_old_python_is_refused_with_the_way_out(tools: Path, tmp_path: Path) -> None:
    program(tools, "python3", 'case "$1" in --version) echo Python 3.9.2 ;; *) exit 1 ;; esac')
    done = run("make-venv.sh", str(tmp_path / "venv"), path=tools)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer; found: Python 3.9.2" in done.stderr
    assert "apt install python3" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_no_python_at_all(tools: Path, tmp_path: Path) -> None:
    done = run("make-venv.sh", str(tmp_path / "venv"), path=tools)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


def test_a_python_without_venv_says_what_to_install(tools: Path, tmp_path: Path) -> None:
    program(tools, "python3", 'case "$2" in *ensurepip*) exit 1 ;; *print*) echo 3.12 ;; *) exit 0 ;; esac')
    done = run("make-venv.sh", str(tmp_path / "venv"), path=tools)
    assert done.returncode == 1
    assert "apt install python3-venv (or python3.12-venv)" in done.stderr


def test_a_newer_python_beside_an_old_one_is_found(tools: Path, tmp_path: Path) -> None:
    program(tools, "python3", "exit 1")
    program(
        tools, "python3.12", 'case "$1" in --version) echo Python 3.12.0 ;; -m) echo "made $3" ;; *) exit 0 ;; esac'
    )
    program(tools, "rm", "exit 0")
    done = run("make-venv.sh", str(tmp_path / "venv"), path=tools)
    assert done.returncode == 0
    assert f"made {tmp_path / 'venv'}" in done.stdout


def test_a_good_environment_is_left_alone(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    program(tmp_path / "venv" / "bin", "python", "exit 0")
    done = run("make-venv.sh", str(tmp_path / "venv"), path=tools)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_cannot_be_installed_is_left_out_aloud(tools: Path) -> None:
    done = run("install-test-tools.sh", path=tools)
    assert done.returncode == 0
    assert "LEFT OUT: tests marked redis, because redis-server is not installed: apt-get is not here" in done.stdout
    assert "LEFT OUT: tests marked browser, because chromium is not installed: apt-get is not here" in done.stdout


def test_without_the_right_to_install(tools: Path) -> None:
    program(tools, "apt-get", "exit 99")
    program(tools, "id", "echo 1000")
    program(tools, "chromium", "exit 0")
    done = run("install-test-tools.sh", path=tools)
    assert done.returncode == 0
    assert "redis-server is not installed: you are not root and sudo asks for a password" in done.stdout
    assert "browser" not in done.stdout


def test_a_package_that_cannot_be_fetched_is_no_failure(tools: Path) -> None:
    program(tools, "apt-get", "exit 100")
    program(tools, "id", "echo 0")
    program(tools, "env", "exit 100")
    done = run("install-test-tools.sh", path=tools)
    assert done.returncode == 0
    assert "redis-server is not installed: apt-get could not install it" in done.stdout
    assert "chromium is not installed: apt-get could not install it" in done.stdout


def test_nothing_is_installed_that_is_there(tools: Path) -> None:
    program(tools, "redis-server", "exit 0")
    program(tools, "chromium", "exit 0")
    done = run("install-test-tools.sh", path=tools)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-bench.txt", "constraints-bench-mintpy.txt"])
def test_constraints_are_plain_pins(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")]
    assert lines == sorted(set(lines), key=lambda line: line.split("==")[0])
    assert [line for line in lines if not PIN.fullmatch(line)] == []


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = set(project["dependencies"]).union(*project["optional-dependencies"].values())
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert wanted - pinned == {"jeoview[test]"}


def test_sizes_are_held(tmp_path: Path) -> None:
    (tmp_path / "jeoview").mkdir()
    body = "".join(f"    a{number} = {number}\n" for number in range(60))
    (tmp_path / "jeoview" / "long.py").write_text(f'def long():\n    """Say.\n\n    More.\n    """\n{body}')
    (tmp_path / "jeoview" / "file.py").write_text("a = 1\n" * 401)
    script = [sys.executable, str(ROOT / "scripts" / "check_sizes.py")]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "long.py: long has 61 lines, at most 60" in done.stdout
    assert "file.py: 401 lines, at most 400" in done.stdout


def write_notebook(path: Path, source: str, output: str = "") -> None:
    cell = {"cell_type": "code", "source": [source], "outputs": [output] if output else []}
    path.write_text(json.dumps({"cells": [cell]}))


def test_notebooks_are_run_as_copies(tmp_path: Path) -> None:
    gallery, work = tmp_path / "notebooks", tmp_path / "my-notebooks"
    gallery.mkdir()
    for name in ("run", "changed"):
        write_notebook(gallery / f"{name}.ipynb", "1")
    assert work_copies(gallery, work) == []
    write_notebook(work / "run.ipynb", "1", "one")
    write_notebook(work / "changed.ipynb", "2")
    assert work_copies(gallery, work) == []
    assert "one" in (work / "run.ipynb").read_text()
    for name in ("run", "changed"):
        write_notebook(gallery / f"{name}.ipynb", "3")
    for _ in range(2):
        assert work_copies(gallery, work) == ["changed.ipynb"]
        assert (work / "run.ipynb").read_bytes() == (gallery / "run.ipynb").read_bytes()
        assert '"2"' in (work / "changed.ipynb").read_text()
    (work / "changed.ipynb").unlink()
    assert work_copies(gallery, work) == []
    assert '"3"' in (work / "changed.ipynb").read_text()


def test_jupyterlab_keeps_its_layout_in_the_checkout() -> None:
    options = [part.removeprefix("--") for part in command_line("--port=0") if part.startswith("--LabApp.")]
    lab = LabApp()
    lab.parse_command_line([f"--{option}" for option in options])
    assert Path(lab.workspaces_dir).parent == WORK
    assert command_line("--port=0").count("--port=0") == 1
