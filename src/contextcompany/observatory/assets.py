"""The files that pages load: style sheets, modules, pictures; under a name that changes when one of them does."""

from __future__ import annotations

import re
from hashlib import blake2b
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["Assets"]

_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_IMPORTED: Final = re.compile(r'^import (?:[^"]+ from )?"\./([^"]+)"', re.MULTILINE)
_A_YEAR: Final = "public, max-age=31536000, immutable"


class _Asset(NamedTuple):
    content: bytes
    media_type: str


class Assets:
    """The files in `static/`, read once.

    They share one version, the digest of all: modules import each other by relative names, which keep it.
    """

    def __init__(self) -> None:
        found = [each for each in files("contextcompany.observatory").joinpath("static").iterdir() if each.is_file()]
        self._assets = {
            each.name: _Asset(each.read_bytes(), _TYPES[each.name.rpartition(".")[2]])
            for each in sorted(found, key=lambda each: each.name)
        }
        digest = blake2b(digest_size=8)
        for name, asset in self._assets.items():
            digest.update(f"{name}\0{len(asset.content)}\0".encode() + asset.content)
        self.version = digest.hexdigest()
        self._imports = {name: self._imported(name) for name in self._assets}

    def url(self, name: str) -> str:
        """Where a file is.

        Raises:
            KeyError: there is none of that name.
        """
        self._assets[name]
        return f"/static/{self.version}/{name}"

    def text(self, name: str) -> str:
        """What is in a file.

        Raises:
            KeyError: there is none of that name.
        """
        return self._assets[name].content.decode()

    def modules(self, name: str) -> list[str]:
        """Where the modules are that one imports, and those that these import: a page can ask for all at once.

        Raises:
            KeyError: there is none of that name.
        """
        return [self.url(each) for each in self._imports[name]]

    def routes(self) -> list[Route]:
        """Where the files are answered."""
        return [
            Route("/static/{version}/{name}", self._answer, methods=["GET"]),
            Route("/favicon.ico", self._icon, methods=["GET"]),
        ]

    def _imported(self, name: str) -> list[str]:
        found = [name]
        for each in found:  # which grows meanwhile
            told = _IMPORTED.findall(self.text(each)) if each.endswith(".js") else []
            found += [imported for imported in told if imported not in found]
        return found[1:]

    async def _answer(self, request: Request) -> Response:
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return Response(b"", 404)
        is_current = request.path_params["version"] == self.version
        caching = _A_YEAR if is_current else "no-store"  # of a page from before an update
        headers = {"Cache-Control": caching, "X-Content-Type-Options": "nosniff"}
        return Response(asset.content, 200, headers, asset.media_type)

    async def _icon(self, _: Request) -> Response:
        headers = {"Cache-Control": "public, max-age=86400"}
        return Response(self._assets["icon.svg"].content, 200, headers, "image/svg+xml")
