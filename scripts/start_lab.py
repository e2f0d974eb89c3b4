"""Start JupyterLab on a working copy of a notebook, print its address, and stay until it ends.

usage: start_lab.py NOTEBOOK [OPTION OF JUPYTERLAB ...]

All notebooks of its folder are copied to `my-notebooks`, which git does not look at: what is run, saved and written
there leaves the checkout as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_server.serverapp import list_running_servers

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "my-notebooks"
# Notebooks as they were copied, to tell a notebook that the user changed from an older one of ours.
SHIPPED = ".shipped"
LAYOUT = ".layout"
START_SECONDS = 120


def main(notebook: str, *options: str) -> int:
    """Run JupyterLab as a child and return its exit code."""
    quiet_news()
    for name in work_copies(ROOT / Path(notebook).parent, WORK):
        print(f"{WORK.name}/{name} is kept as you changed it; a newer one is {Path(notebook).parent / name}")
    notebook = f"{WORK.name}/{Path(notebook).name}"
    print("Starting JupyterLab ...", flush=True)
    lab = subprocess.Popen(command_line(*options), cwd=ROOT)
    # Ctrl-C reaches the child too; it ends by itself and is waited for
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: lab.terminate())
    address = wait_for_address(lab, notebook)
    if address:
        print(f"\nOpen this address in a browser (Ctrl-C here ends it):\n\n    {address}\n", flush=True)
    return lab.wait()


def command_line(*options: str) -> list[str]:
    """Return how JupyterLab is started.

    Its layout (open tabs, widths) is this checkout's own: else what the user had open elsewhere opens beside our
    notebook, and ours beside theirs.
    """
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}", "--ServerApp.answer_yes=True"]
    command += [f"--LabApp.workspaces_dir={WORK / LAYOUT}", "--ServerApp.log_level=WARN", "--no-browser", *options]
    return [*command, "--allow-root"] if os.geteuid() == 0 else command


def quiet_news() -> None:
    """Answer JupyterLab's question about news once, in this environment alone: a demo must not begin with it."""
    overrides = Path(sys.prefix) / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    if not overrides.exists():
        overrides.parent.mkdir(parents=True, exist_ok=True)
        answer = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
        overrides.write_text(json.dumps(answer))


def wait_for_address(lab: subprocess.Popen[bytes], notebook: str) -> str | None:
    """Return the notebook's address as soon as the server listens, None if it ended or is too slow."""
    deadline = time.monotonic() + START_SECONDS
    while lab.poll() is None and time.monotonic() < deadline:
        for server in list_running_servers():
            if server["pid"] == lab.pid:
                token = f"?token={server['token']}" if server["token"] else ""
                return f"{server['url']}lab/tree/{quote(notebook)}{token}"
        time.sleep(0.2)
    print("JupyterLab did not start; its messages stand above.", file=sys.stderr)
    return None


def work_copies(gallery: Path, work: Path) -> list[str]:
    """Copy the notebooks of a folder to another; return the names of those that are kept though ours are newer.

    A copy that was only run, so that its cells are still those that were copied, is replaced by a newer one.

    Parameters
    ----------
    gallery : Path
        Folder of the notebooks.
    work : Path
        Folder that gets them; made where there is none.
    """
    (work / SHIPPED).mkdir(parents=True, exist_ok=True)
    kept = []
    for ours in sorted(gallery.glob("*.ipynb")):
        copy, shipped = work / ours.name, work / SHIPPED / ours.name
        before = _cells(shipped)
        if copy.exists() and _cells(copy) != before:
            if _cells(ours) != before:
                kept.append(ours.name)
            continue
        if not copy.exists() or _cells(ours) != before:
            shutil.copyfile(ours, copy)
        shutil.copyfile(ours, shipped)
    return kept


def _cells(notebook: Path) -> Any:
    """What stands in the cells, without what they gave; None where there is no notebook."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    except (OSError, ValueError, KeyError, TypeError):
        return None


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
