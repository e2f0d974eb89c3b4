"""Start JupyterLab on a notebook, print its address, and stay until it ends.

usage: start_lab.py NOTEBOOK [OPTION OF JUPYTERLAB ...]
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

from jupyter_server.serverapp import list_running_servers

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 120


def main(notebook: str, *options: str) -> int:
    """Run JupyterLab as a child and return its exit code."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}", "--ServerApp.answer_yes=True"]
    command += ["--ServerApp.log_level=WARN", "--no-browser", *options]
    if os.geteuid() == 0:
        command.append("--allow-root")
    quiet_news()
    print("Starting JupyterLab ...", flush=True)
    lab = subprocess.Popen(command, cwd=ROOT)
    # Ctrl-C reaches the child too; it ends by itself and is waited for
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: lab.terminate())
    address = wait_for_address(lab, notebook)
    if address:
        print(f"\nOpen this address in a browser (Ctrl-C here ends it):\n\n    {address}\n", flush=True)
    return lab.wait()


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


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
