"""What all handlers share: the token, the shape of errors, headers."""

from __future__ import annotations

import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

from tornado.web import HTTPError, RequestHandler

from tileserver import picture
from tileserver.address import MAX_ADDRESS, TOKEN_FIELD, Query, parse_query
from tileserver.chains import Chains, Errors
from tileserver.failures import RETRY_SECONDS, Failure, failure_of
from tileserver.forwarded import root_url
from tileserver.metrics import Metrics
from tileserver.owners import Owners
from tileserver.pool import Pool
from tileserver.settings import ServerSettings
from tileserver.tiles import Tiles

MAX_TEXT = 4 << 20


@dataclass(frozen=True)
class Services:
    """All that handlers work with."""

    settings: ServerSettings
    version: str
    pool: Pool
    chains: Chains
    tiles: Tiles
    errors: Errors
    metrics: Metrics
    owners: Owners


class Base(RequestHandler):
    """What all handlers share: the token, the shape of errors, headers.

    Its descendants are the one place where classes inherit: tornado knows no other way.
    """

    open_to_all = False
    allowed = False
    etag: str | None = None

    def initialize(self, services: Services) -> None:
        """Take what the application was made with."""
        self.services = services
        self.started = time.perf_counter()

    def set_default_headers(self) -> None:
        """Say no more than needed."""
        self.set_header("Server", "jeoview")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    def decode_argument(self, value: bytes | None, name: str | None = None) -> str:  # noqa: ARG002 - tornado's signature
        """A segment of the path, empty where there is none; what is no text is no name of anything, and is not found."""
        return (value or b"").decode("utf-8", "replace")

    def prepare(self) -> None:
        """Refuse whoever does not know the token, before anything else is looked at.

        Raises
        ------
        Failure
            ``Forbidden``, ``AddressTooLong`` or ``TooLarge``.
        """
        named = self.request.query_arguments.get(TOKEN_FIELD, [b""])[-1].decode("utf-8", "replace")
        self.token = self.path_kwargs.pop("token", "") or named
        self.allowed = self.open_to_all or self._knows_token()
        if not self.allowed:
            raise Failure("Forbidden", "the token is missing or wrong")
        self._open_to_origins()
        if len(self.request.uri or "") > MAX_ADDRESS:
            raise Failure("AddressTooLong", f"the address is longer than {MAX_ADDRESS} characters")
        if len(self.request.body) > MAX_TEXT:
            raise Failure("TooLarge", f"the body has more than {MAX_TEXT:,} bytes")

    def _open_to_origins(self) -> None:
        """Let pages of any origin read the answer: the token is the right to read, not the origin."""
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header("Access-Control-Expose-Headers", "ETag, Server-Timing, X-Jeoview-Error")

    def _knows_token(self) -> bool:
        kind, _, bearer = self.request.headers.get("Authorization", "").partition(" ")
        offered = self.token or (bearer.strip() if kind.lower() == "bearer" else "")
        return hmac.compare_digest(offered.encode("utf-8", "replace"), self.services.settings.token.encode())

    def query(self, *known: str) -> Query:
        """The query, refused where it has a name that is not known."""
        return parse_query(self.request.query, known)

    def root(self) -> str:
        """Absolute address of the server as this client sees it."""
        return root_url(self.request.headers, self.request.protocol, self.services.settings.base_url, self.token)

    def answer(self, body: bytes | dict[str, Any], kind: str = "application/json") -> None:
        """Send a body."""
        self.set_header("Content-Type", kind)
        self.finish(body if isinstance(body, bytes) else json.dumps(body, allow_nan=False).encode())

    def compute_etag(self) -> str | None:
        """The strong name of the body, where the handler knows one; tornado would hash every body."""
        return self.etag

    def on_finish(self) -> None:
        """Count."""
        self.services.metrics.requests.labels(type(self).__name__.lower(), str(self.get_status())).inc()

    def log_exception(self, *_: Any) -> None:
        """Nothing: `failure_of` writes what was not foreseen, and addresses hold the token."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ARG002 - tornado's signature
        """Answer an error: as JSON, or as a picture where an image was asked for."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        failure = (
            _of_http(error) if isinstance(error, HTTPError) else failure_of(error or Failure("Internal", "failed"))
        )
        if not self.allowed:
            failure = Failure("Forbidden", "the token is missing or wrong")
        self.services.metrics.errors.labels(failure.code).inc()
        self.set_status(failure.status)
        if failure.status == 503:
            self.set_header("Retry-After", str(RETRY_SECONDS))
        if self.allowed:
            self.noted(failure)
            self._open_to_origins()
            self.set_header("X-Jeoview-Error", failure.header())
        if self.allowed and self.wants_picture():
            self.answer(picture.draw(failure, brief=self.is_brief()), "image/png")
        else:
            self.answer(failure.document())

    def noted(self, failure: Failure) -> None:
        """Keep an error that somebody may ask for later; tiles do."""

    def wants_picture(self) -> bool:
        """Whether errors go out as pictures; tiles do where a browser's image asks."""
        return False

    def is_brief(self) -> bool:
        """Whether the picture of an error holds no message; most tiles' do."""
        return False


def _of_http(error: HTTPError) -> Failure:
    if error.status_code == 405:
        return Failure("MethodNotAllowed", "this address does not take that method")
    return Failure("ParameterInvalid" if error.status_code < 500 else "Internal", "the request is malformed")
