"""Under which path a browser reaches a port of this machine, found without a setting of the user."""

from __future__ import annotations

import contextlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

_SECONDS = 5.0
# Requests to this machine never go through a proxy of the environment.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class JupyterServer:
    """A running Jupyter server, as its info file tells."""

    pid: int
    url: str
    base_url: str
    token: str

    def proxies(self, port: int) -> bool:
        """Whether it hands requests on to a port of this machine: jupyter-server-proxy is there.

        Where its login is a password, or its address cannot be asked from here, the extension is
        believed to be there if it is installed beside this kernel.
        """
        request = urllib.request.Request(f"{self.url.rstrip('/')}/proxy/{port}/healthz")
        if self.token:
            request.add_header("Authorization", f"token {self.token}")
        try:
            with _OPENER.open(request, timeout=_SECONDS) as response:
                if json.load(response) == {"status": "ok"}:
                    return True
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == HTTPStatus.NOT_FOUND:
                return False
        except (OSError, ValueError):
            pass
        return find_spec("jupyter_server_proxy") is not None


def proxy_path(port: int) -> str | None:
    """The path that stands before the server's own, such as ``/user/name/proxy/8001``.

    Returns
    -------
    str or None
        None outside Jupyter, and where the Jupyter server has no proxy: the browser then asks
        127.0.0.1 itself.
    """
    hub = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if hub:
        return f"/{hub.strip('/')}/proxy/{port}" if hub.strip("/") else f"/proxy/{port}"
    server = own_server()
    if server is None or not server.proxies(port):
        return None
    return f"{server.base_url.rstrip('/')}/proxy/{port}"


def own_server() -> JupyterServer | None:
    """The Jupyter server that started this kernel, perhaps through a wrapper."""
    ancestors = {process.pid for process in psutil.Process().parents()}
    with contextlib.suppress(ValueError):
        ancestors.add(int(os.environ.get("JPY_PARENT_PID", "")))
    return next((server for server in running_servers() if server.pid in ancestors), None)


def running_servers() -> Iterator[JupyterServer]:
    """The Jupyter servers of this user, from the files they leave in Jupyter's runtime folder."""
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return
    for path in sorted(Path(jupyter_runtime_dir()).glob("jpserver-*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            yield _server(json.loads(path.read_text()))


def _server(info: dict[str, Any]) -> JupyterServer:
    return JupyterServer(int(info["pid"]), str(info["url"]), str(info["base_url"]), str(info.get("token") or ""))
