"""The composition of docker/, checked against the tree without a container engine; its proxy and its Redis run for real."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from jeoview import cli
from jeoview.settings import settings
from tests.conftest import ROOT, RedisServer, free_port
from tests.service.support import Server, X, Y, make_scene, start_server
from tileserver.settings import parse

DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
NGINX = (DOCKER / "nginx.conf").read_text()
# What the Compose specification knows of a service, as far as it is used here.
KEYS = {
    "build", "command", "depends_on", "deploy", "environment", "healthcheck", "image", "ports", "profiles", "restart",
    "user", "volumes",
}  # fmt: skip


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} +(.*)$", DOCKERFILE, re.M)


def plain(text: str) -> str:
    """``${NAME:-default}`` as its default, a name that must be given as itself."""
    return re.sub(r"\$\{(\w+):(?:-([^}]*)|\?[^}]*)\}", lambda found: found[2] or found[1], text)


# -- the image -----------------------------------------------------------------------------------


def test_what_is_copied_exists_and_reaches_the_builder() -> None:
    """`.dockerignore` keeps all else out: an environment of a gigabyte, kernels compiled on another machine."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert "**/__pycache__" in ignored
    for line in instructions("COPY"):
        *sources, target = [word for word in line.split() if not word.startswith("--")]
        for source in sources:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored
            assert target in ("./", source)
    assert not instructions("ADD")


def test_the_image_runs_as_a_user_who_may_write_where_it_must() -> None:
    assert instructions("USER") == ["jeoview"]
    user = DOCKERFILE.index("USER jeoview")
    assert re.search(r"useradd .*\bjeoview\b.*chown jeoview /data/home", DOCKERFILE[:user])
    assert "tileserver.warm" in DOCKERFILE[user:]
    variables = dict(part.split("=", 1) for line in instructions("ENV") for part in line.split())
    assert variables["JEOVIEW_HOME"] == "/data/home"
    assert variables["NUMBA_CACHE_DIR"].startswith("/home/jeoview/")


def test_the_images_python_is_new_enough_and_its_command_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    project = (ROOT / "pyproject.toml").read_text()
    least = re.search(r'requires-python = ">=3\.(\d+)"', project)
    assert least is not None
    assert int(re.match(r"python:3\.(\d+)-", instructions("FROM")[0])[1]) >= int(least[1])  # type: ignore[index]
    command = yaml.safe_load(instructions("CMD")[0])
    assert command[:3] == ["python", "-m", "tileserver"]
    monkeypatch.setenv("JEOVIEW_TOKEN", "a" * 43)
    given = parse(command[3:])
    assert (given.address, [str(given.port)]) == ("0.0.0.0", instructions("EXPOSE"))


# -- the composition -----------------------------------------------------------------------------


def test_services_volumes_and_conditions_fit_together() -> None:
    assert set(SERVICES) == {"redis", "tiles", "proxy", "ingest"}
    for service in SERVICES.values():
        assert set(service) <= KEYS
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[needed]
        for volume in service.get("volumes", []):
            source = plain(volume).split(":")[0]
            assert source in COMPOSE["volumes"] or source == "JEOVIEW_IMAGES" or (DOCKER / source).is_file()
        if "build" in service:
            assert (DOCKER / service["build"]["context"]).resolve() == ROOT
            assert (ROOT / service["build"]["dockerfile"]).is_file()
        elif ":" in service["image"]:
            assert not service["image"].endswith(":latest")


def test_variables_without_a_default_are_told_in_the_head_of_the_file() -> None:
    text = (DOCKER / "compose.yaml").read_text()
    head = text.partition("name: jeoview")[0]
    needed = set(re.findall(r"\$\{(\w+):\?", text))
    assert needed == set(re.findall(r"export (\w+)=", head))
    assert set(re.findall(r"\$\{(\w+):-", text)) == {"REDIS_MEMORY", "TILE_SERVERS", "JEOVIEW_PORT"}


def test_the_environment_is_one_that_jeoview_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    for service in ("tiles", "ingest"):
        for name, value in SERVICES[service]["environment"].items():
            monkeypatch.setenv(name, plain(value))
        found = settings()
        assert found.store == "redis://redis:6379/0"
        mounted = [plain(volume).split(":")[1] for volume in SERVICES[service]["volumes"]]
        assert str(found.catalog.parent) in mounted
        assert [str(root) for root in found.roots] == ["/data/images"]
        assert "/data/images" in mounted


def test_ingest_is_a_command_over_what_is_mounted() -> None:
    program, *arguments = SERVICES["ingest"]["command"]
    assert program == "jeoview"
    given = cli._parser().parse_args(arguments)
    assert str(given.folder) == "/data/images"


def test_ports_agree_from_the_image_to_the_proxy() -> None:
    (port,) = instructions("EXPOSE")
    assert f"server tiles:{port} " in NGINX
    assert f"127.0.0.1:{port}/healthz" in str(SERVICES["tiles"]["healthcheck"]["test"])
    listens = re.search(r"listen (\d+);", NGINX)
    assert listens is not None
    assert [plain(one) for one in SERVICES["proxy"]["ports"]] == [f"127.0.0.1:8080:{listens[1]}"]
    assert f"127.0.0.1:{listens[1]}/healthz" in str(SERVICES["proxy"]["healthcheck"]["test"])
    assert SERVICES["proxy"]["volumes"] == ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
    # Its user may bind no port below 1024.
    assert int(listens[1]) >= 1024
    assert SERVICES["proxy"]["user"] == "101:101"


def test_tiles_of_one_neighbourhood_have_one_name() -> None:
    found = re.search(r'"~(/tiles.*?)" "\$key', NGINX)
    assert found is not None
    pattern = re.compile(found[1].replace("(?<", "(?P<"))

    def name(path: str) -> tuple[str, ...] | None:
        match = pattern.search(path)
        return match and match.groups()

    key = "0a" * 32
    assert name(f"/token/tiles/{key}/13/4355/2900.png") == name(f"/token/tiles/{key}/13/4351/2909.webp")
    assert name(f"/token/tiles/{key}/13/4355/2900.png") != name(f"/token/tiles/{key}/13/4361/2900.png")
    assert name(f"/token/tiles/{key}/0/0/0.png") == (key, "0", "", "")
    assert name(f"/token/chains/{key}/tilejson.json") is None


# -- for real ------------------------------------------------------------------------------------


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """``nginx(ports)`` starts the proxy of the composition before servers on these ports; gives its own."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed (Debian: apt install nginx-light)")
    started: list[subprocess.Popen[bytes]] = []

    def start(ports: list[int]) -> int:
        port = free_port()
        servers = " ".join(f"server 127.0.0.1:{one} max_fails=2 fail_timeout=5s;" for one in ports)
        text = re.sub(r"server tiles:8000 [^;]*;", servers, NGINX).replace("listen 8080", f"listen 127.0.0.1:{port}")
        (tmp_path / "nginx.conf").write_text(text.replace("/tmp/", f"{tmp_path}/"))
        command = [program, "-e", "stderr", "-g", "daemon off;", "-c", str(tmp_path / "nginx.conf")]
        with (tmp_path / "log").open("wb") as log:
            started.append(subprocess.Popen(command, stderr=log))
        return port

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.redis
@pytest.mark.slow
def test_two_servers_behind_the_proxy_share_redis(
    tmp_path: Path, start_redis: Callable[..., RedisServer], nginx: Callable[..., int]
) -> None:
    """Redis with the composition's options, two tile servers, its proxy: tiles come, also when a server is gone."""
    options = shlex.split(plain(SERVICES["redis"]["command"]))
    assert options[0] == "redis-server"
    redis = start_redis(*options[1:])
    scene = make_scene(tmp_path / "home", redis.url)
    key = scene.engine.save(scene.ndvi())
    servers = [start_server(scene.settings, tmp_path, "--workers", "1") for _ in range(2)]
    try:
        proxy = Server(servers[0].process, nginx([server.port for server in servers]), tmp_path / "log")
        wait_for(proxy)
        places = [(X + 10 * column, Y + 10 * row) for column in range(4) for row in range(3)]
        assert {proxy.tile(key, x=x, y=y).status for x, y in places} == {200}
        assert proxy.tile(key).body == servers[1].tile(key).body
        answered = [server.metric("jeoview_requests_total") for server in servers]
        assert min(answered) > 0
        servers[0].stop()
        assert {proxy.tile(key, x=x + 1, y=y).status for x, y in places} == {200}
        assert proxy.ask(f"chains/{key}/tilejson.json").json()["tiles"][0].startswith("http://127.0.0.1:")
        assert proxy.ask("tiles/x", token=None).status == 403
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.stop()


def wait_for(server: Server) -> None:
    for _ in range(100):
        try:
            if server.ask("healthz", token=None).status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError(server.log.read_text())
