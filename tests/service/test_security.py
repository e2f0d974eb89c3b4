"""Who does not know the token learns nothing; what comes from outside is refused without a trace of the server."""

from __future__ import annotations

import json
import socket

import pytest

from jeoview import chain
from tests.service.support import TOKEN, Scene, Server, X, Y, Z

KEY = "a" * 64
PATHS = ["", "tiles", f"tiles/{KEY}/1/0/0.png", f"chains/{KEY}", "operators", "metrics", "readyz", "nothing", "../etc"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", [None, TOKEN[:-1] + "x", TOKEN + "x", TOKEN[:-1], "x" * 33, "%74" + TOKEN[1:]])
def test_without_the_token_nothing_is_told(server: Server, path: str, token: str | None) -> None:
    answer = server.ask(path, token=token)
    assert answer.status == 403
    assert answer.json() == {"code": "Forbidden", "message": "the token is missing or wrong", "links": []}
    assert "access-control-allow-origin" not in answer.headers
    assert "x-jeoview-error" not in answer.headers
    assert answer.headers["server"] == "jeoview"


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "OPTIONS"])
def test_no_method_goes_round_the_token(server: Server, method: str) -> None:
    assert server.ask(f"chains/{KEY}", token=None, method=method, body=b"{}").status == 403


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"Bearer {TOKEN}x", 403),
        ("Bearer ", 403),
        (f"token {TOKEN}", 403),
        (TOKEN, 403),
        ("Bearer ä", 403),
    ],
)
def test_the_token_as_bearer(server: Server, value: str, status: int) -> None:
    assert server.ask("readyz", token=None, headers={"Authorization": value}).status == status


def test_health_is_open_and_says_nothing_else(server: Server) -> None:
    answer = server.ask("healthz", token=None)
    assert (answer.status, answer.json()) == (200, {"status": "ok"})


TRICKS = [
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%2Fetc%2Fpasswd",
    "/vsicurl/http:%2f%2fhost",
    "%5c..%5c",
    "%00",
    "a" * 63,
    "A" * 64,
    "g" * 64,
    KEY + "%0a",
    "%ff%fe",
    "*",
    "%27%20or%201=1",
]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("place", ["key", "z", "x", "y", "format"])
def test_tricks_in_every_segment_of_a_tile(server: Server, trick: str, place: str) -> None:
    parts = {"key": KEY, "z": "1", "x": "0", "y": "0", "format": "png", place: trick}
    answer = server.ask("tiles/{key}/{z}/{x}/{y}.{format}".format(**parts))
    assert answer.status in (400, 404)
    _is_plain(answer.body)


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("tail", ["", "/tilejson.json", "/point?lon=1&lat=1&zoom=3", "/legend.png", "/errors"])
def test_tricks_as_a_key(server: Server, trick: str, tail: str) -> None:
    answer = server.ask(f"chains/{trick}{tail}")
    assert answer.status in (400, 404)
    _is_plain(answer.body)


@pytest.mark.parametrize(
    "tile",
    [
        "25/0/0",
        "3/8/0",
        "3/0/8",
        "-1/0/0",
        "3/-1/0",
        "1e1/0/0",
        "03/1/1",
        "3/+1/1",
        "3/1/1.0",
        "9" * 400 + "/0/0",
        "٣/1/1",
        "3/ 1/1",
    ],
)
def test_tiles_that_do_not_exist(server: Server, tile: str) -> None:
    from urllib.parse import quote

    answer = server.ask(f"tiles/{KEY}/{quote(tile)}.png")
    assert answer.status == 404
    _is_plain(answer.body)


@pytest.mark.parametrize("extension", ["jpg", "PNG", "exe", "png.exe", "tiff", "", "png%00"])
def test_formats_that_do_not_exist(server: Server, extension: str) -> None:
    assert server.ask(f"tiles/{KEY}/1/0/0.{extension}").status == 404


@pytest.mark.parametrize(
    "query",
    [
        "unknown=1",
        "p.least=0.2&p.least=0.3",
        "p.least=NaN",
        "p.least=Infinity",
        "p.least=1e999",
        "p.least=[1]",
        'p.least={"a":1}',
        "p.least=null",
        "p.least=",
        "p.least=abc",
        "p.least=2",
        "p.most=0.1",
        'p.least="0.1"',
        "p.least=true",
        "p.least=" + "1" * 300,
        "p.=1",
        "view=13/1/1/1",
        "view=13/1/1/1/a",
        "view=13/2/2/1/1",
        "view=12/1/1/2/2",
        "view=13/0/0/1/1",
        "view=13/0/0/99999/99999",
        "errors=loud",
        "&&",
        "%ff=%ff",
        "a",
        "&".join(f"p.n{i}=1" for i in range(100)),
    ],
)
def test_a_query_that_makes_no_sense(scene: Scene, server: Server, query: str) -> None:
    from urllib.parse import quote

    key = scene.engine.save(scene.threshold())
    answer = server.tile(key, tail="png?" + quote(query, safe='=&%/.,[]{}:"'))
    assert answer.status == 400
    assert answer.json()["code"] == "ParameterInvalid"
    _is_plain(answer.body)


def test_an_address_that_is_too_long(server: Server) -> None:
    answer = server.ask(f"tiles/{KEY}/1/0/0.png?map=" + "a" * 9000)
    assert (answer.status, answer.json()["code"]) == (414, "AddressTooLong")


def test_a_request_that_is_no_http_does_not_end_the_server(server: Server) -> None:
    for junk in (
        b"\x00\xff" * 100,
        b"GET " + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(junk)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    assert server.ask("healthz", token=None).status == 200


def test_a_chain_goes_in_and_comes_out(scene: Scene, server: Server) -> None:
    node = scene.ndvi(vmin=-0.11)
    text = chain.encode(node)
    posted = server.ask("chains", method="POST", body=text.encode())
    assert (posted.status, posted.json()) == (201, {"key": node.key})
    assert posted.headers["location"].endswith(f"/{TOKEN}/chains/{node.key}")
    assert server.ask(f"chains/{node.key}").body.decode() == text
    put = server.ask(f"chains/{node.key}", method="PUT", body=text.encode())
    assert (put.status, put.json()) == (200, {"key": node.key})
    assert server.tile(node.key).status == 200


def _altered(scene: Scene) -> dict[str, bytes]:
    node = scene.ndvi(vmin=-0.12)
    document = json.loads(chain.encode(node))
    top = document["process_graph"][node.key]
    changed = {
        **document,
        "process_graph": {
            **document["process_graph"],
            node.key: {**top, "version": 1, "arguments": {**top["arguments"], "vmin": -0.9}},
        },
    }
    foreign = {**document, "process_graph": {**document["process_graph"], node.key: {**top, "process_id": "os.system"}}}
    deep: object = {}
    for _ in range(500):
        deep = {"a": deep}
    return {
        "altered": json.dumps(changed).encode(),
        "unknown operator": json.dumps(foreign).encode(),
        "more members": json.dumps({**document, "code": "import os"}).encode(),
        "no JSON": b"{",
        "nothing": b"",
        "bytes": b"\xff\xfe\x00",
        "a list": b"[]",
        "deep": json.dumps({**document, "process_graph": {node.key: {**top, "arguments": deep}}}).encode(),
        "very deep": b"[" * 200_000,
        "a loop": json.dumps(
            {
                "jeoview": 1,
                "result": "a",
                "process_graph": {
                    "a": {"process_id": "median", "version": 1, "arguments": {"series": {"from_node": "a"}}}
                },
            }
        ).encode(),
        "many nodes": json.dumps(
            {
                "jeoview": 1,
                "result": "a",
                "process_graph": {
                    f"n{i}": {"process_id": "median", "version": 1, "arguments": {}} for i in range(10_001)
                }
                | {"a": top},
            }
        ).encode(),
    }


def test_a_chain_that_is_not_what_it_says_is_refused(scene: Scene, server: Server) -> None:
    for name, body in _altered(scene).items():
        answer = server.ask("chains", method="POST", body=body)
        assert (name, answer.status, answer.json()["code"]) == (name, 400, "ChainInvalid")
        _is_plain(answer.body)
    assert server.ask("readyz").status == 200
    assert server.metric("jeoview_worker_restarts") == 0


def test_a_chain_under_a_wrong_key_is_refused(scene: Scene, server: Server) -> None:
    answer = server.ask(f"chains/{KEY}", method="PUT", body=chain.encode(scene.ndvi()).encode())
    assert (answer.status, answer.json()["code"]) == (400, "ChainInvalid")
    assert server.ask(f"chains/{KEY}").status == 404


def test_a_chain_above_the_limit_is_refused(server: Server) -> None:
    answer = server.ask("chains", method="POST", body=b" " * ((4 << 20) + 1))
    assert (answer.status, answer.json()["code"]) == (413, "TooLarge")


def test_a_chain_whose_items_are_not_here_is_a_readable_error(scene: Scene, server: Server) -> None:
    from jeoview.graph import canonical, digest
    from jeoview.image import Image
    from jeoview.make import make

    def coloured(items: str) -> str:
        source = make("load_items", (), {"items": items, "bands": ("B04",), "common_names": {}})
        return scene.engine.save(Image(source).median().colormap("viridis", vmin=0, vmax=1).node)

    answer = server.tile(coloured("items:" + "0" * 64))
    assert (answer.status, answer.json()["code"]) == (404, "KeyNotFound")
    text = canonical(
        {"collection": "scenes", "items": [{"id": "gone", "datetime": "2020-01-01T00:00:00Z", "assets": {"B04": "x"}}]}
    )
    scene.engine.store.put(f"items:{digest(text)}", text.encode())
    answer = server.tile(coloured(f"items:{digest(text)}"))
    assert (answer.status, answer.json()["code"]) == (502, "SourceUnreadable")
    _is_plain(answer.body)


def test_a_stored_chain_that_was_altered_is_refused(scene: Scene, server: Server) -> None:
    node = scene.ndvi(vmin=-0.13)
    scene.engine.store.put(f"chain:{node.key}", chain.encode(scene.ndvi(vmin=-0.14)).encode())
    answer = server.tile(node.key)
    assert (answer.status, answer.json()["code"]) == (400, "ChainInvalid")


@pytest.mark.parametrize("path", [f"tiles/{KEY}/1/0/0.png", "operators", f"chains/{KEY}/tilejson.json"])
def test_methods_that_are_not_there(server: Server, path: str) -> None:
    answer = server.ask(path, method="PATCH", body=b"")
    assert (answer.status, answer.json()["code"]) == (405, "MethodNotAllowed")


def test_the_token_is_not_in_the_log(scene: Scene, server: Server) -> None:
    server.tile(KEY)
    server.tile(scene.engine.save(scene.ndvi()), z=Z, x=X, y=Y)
    assert TOKEN not in server.log.read_text()


def _is_plain(body: bytes) -> None:
    """No trace of the server: no path, no stack, no HTML."""
    text = body.decode()
    assert set(json.loads(text)) <= {"code", "message", "links", "id"}
    for sign in ("Traceback", "<html", ".py", "/root", "/home/", "/tmp/", "/etc/passwd"):
        assert sign not in text
