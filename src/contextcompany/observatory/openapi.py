"""The JSON API's document in OpenAPI 3.1, made from the table of endpoints and what contexts say of themselves."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import types
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import orjson

from contextcompany.observatory import contexts, exporting, fold, otlp
from contextcompany.observatory.contexts import Problem
from contextcompany.observatory.endpoints import ENDPOINTS
from contextcompany.observatory.otlp import JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from contextcompany.observatory.endpoints import Endpoint
    from contextcompany.observatory.parameters import Parameter

__all__ = ["PATH", "document"]

PATH: Final = "/api/openapi.json"

_Schema = dict[str, Any]


class _Denied(NamedTuple):
    """Why somebody may not ask."""

    code: int
    """gRPC's."""
    message: str
    """A sentence for a person."""


_ERRORS: Final[dict[int, tuple[str, type[Any]]]] = {
    400: ("A parameter, the filter or the body is wrong.", Problem),
    401: ("The token is missing or wrong, where one is asked for.", _Denied),
    403: ("The request is for another host, or comes from another site's page.", _Denied),
    404: ("What was asked for is not here.", Problem),
    408: ("The body took too long to arrive.", Problem),
    413: ("The body is too large.", Problem),
    415: ("The body is of another type, or encoded in another way.", Problem),
    429: ("Too much waits to be written. Try again.", Problem),
    503: ("It took too long and was stopped, or the file cannot be read or written. Try again.", Problem),
}
_ALWAYS: Final = (400, 401, 403, 503)
_WITH_BODY: Final = (408, 413, 415, 429)


@cache
def document() -> bytes:
    """The document, as JSON. The first time, it takes about 50 ms."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        path = re.sub(r":\w+}", "}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    schemas.finish()
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": "Observatory",
            "version": version("contextcompany"),
            "description": (
                "What the Observatory's pages show, for programs. Times are nanoseconds since the epoch, costs are in "
                "US dollars, and tokens and costs are counted once."
            ),
        },
        "security": [{}, {"bearer": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.made,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The token, of programs."},
                "basic": {"type": "http", "scheme": "basic", "description": "Any name, and the token as password."},
            },
        },
    }
    return orjson.dumps(made)


def _operation(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    summary, _, more = inspect.cleandoc(endpoint.answer.__doc__ or "").partition("\n\n")
    in_path = re.findall(r"{(\w+)", endpoint.path)
    made: dict[str, Any] = {
        "operationId": endpoint.answer.__name__,
        "summary": summary.replace("\n", " "),
        "parameters": [_in_path(name) for name in in_path] + [_parameter(each) for each in endpoint.parameters],
        "responses": {"200": _answer(endpoint, schemas)} | _errors(endpoint, schemas),
    }
    if more:
        made["description"] = more
    if endpoint.body is bytes:
        made["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": {}}}}
    elif endpoint.body is not None:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas.of(endpoint.body)}}}
    return made


def _in_path(name: str) -> dict[str, Any]:
    about = _IN_PATH[name]
    return {"name": name, "in": "path", "required": True, "description": about, "schema": {"type": "string"}}


_IN_PATH: Final = {
    "run_id": "The run's own id, or its trace's.",
    "span_id": "16 hex digits.",
    "session_id": "The session's id, slashes included.",
}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schemas: dict[str, _Schema] = {
        "integer": {"type": "integer", "minimum": parameter.minimum, "maximum": parameter.maximum},
        "flag": {"type": "boolean"},
        "change": {"type": "string", "pattern": r"^[0-9]{1,19}(\.[0-9]{1,19})?$"},
    }
    schema = schemas.get(parameter.kind, {"type": "string"})
    if parameter.choices:
        schema["enum"] = [*parameter.choices]
    if parameter.default is not None:
        schema["default"] = parameter.default
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_needed,
        "description": parameter.about,
        "schema": schema,
    }


def _answer(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    text: _Schema = {"schema": {"type": "string"}}
    if endpoint.gives == "events":
        return {"description": "Events, until somebody hangs up.", "content": {"text/event-stream": text}}
    if endpoint.gives == "file":
        kinds = dict.fromkeys(kind.media_type for kind in exporting.FORMATS.values())
        return {"description": "The file.", "content": dict.fromkeys(kinds, text)}
    returned = _hints(endpoint.answer)["return"]
    about = (getattr(returned, "__doc__", None) or "") if isinstance(returned, type) else ""
    about = "A request of OTLP's JSON." if returned is orjson.Fragment else about.partition("\n")[0]
    return {"description": about or "The answer.", "content": {JSON: {"schema": schemas.of(returned)}}}


def _errors(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    is_of_one = "{" in endpoint.path or any(each.name == "a" for each in endpoint.parameters)
    codes = {*_ALWAYS, *((404,) if is_of_one else ()), *(_WITH_BODY if endpoint.body else ())}
    return {str(code): _error(*_ERRORS[code], schemas) for code in sorted(codes)}


def _error(about: str, kind: type[Any], schemas: _Schemas) -> dict[str, Any]:
    return {"description": about, "content": {JSON: {"schema": schemas.of(kind)}}}


# --- types → schemas -------------------------------------------------------------------------------------------------

_PLAIN: Final[dict[Any, _Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
    orjson.Fragment: {"type": "object"},
}


class _Schemas:
    """The schemas of the contexts, as far as they are asked for."""

    def __init__(self) -> None:
        self.made: dict[str, _Schema] = {}
        self._asked: dict[str, type[Any]] = {}

    def of(self, hint: Any) -> _Schema:
        """The schema of a type."""
        if hint in _PLAIN:
            return _PLAIN[hint]
        if isinstance(hint, type) and hasattr(hint, "_fields"):
            name = hint.__name__.lstrip("_")
            self._asked[name] = hint
            return {"$ref": f"#/components/schemas/{name}"}
        return self._composed(get_origin(hint), get_args(hint))

    def _composed(self, origin: Any, of: tuple[Any, ...]) -> _Schema:
        if origin is Literal:
            return {"enum": [*of]}
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of(each) for each in of]}
        if origin is list:
            return {"type": "array", "items": self.of(of[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(of[1])}
        if origin is tuple:
            return {"type": "array", "prefixItems": [self.of(each) for each in of]}
        raise TypeError(f"{origin}{of} has no schema.")

    def finish(self) -> None:
        """Make what was asked for, and what that asks for."""
        while left := self._asked.keys() - self.made.keys():
            for name in sorted(left):
                self.made[name] = self._object(self._asked[name])

    def _object(self, kind: type[Any]) -> _Schema:
        about = _about_fields(sys.modules[kind.__module__]).get(kind.__name__, {})
        hints = {name: hint for name, hint in _hints(kind).items() if name != "raw"}
        needed = hints if kind not in _BODIES else hints.keys() - kind._field_defaults.keys()
        return {
            "type": "object",
            "description": inspect.cleandoc(kind.__doc__ or ""),
            "properties": {
                name: self.of(hint) | ({"description": about[name]} if name in about else {})
                for name, hint in hints.items()
            },
            "required": sorted(needed),
            "additionalProperties": False,
        }


_BODIES: Final = frozenset(each.body for each in ENDPOINTS)
"""What is sent, in which fields may be left out; in what is answered none is."""


def _hints(of: Callable[..., Any] | type[Any]) -> dict[str, Any]:
    return get_type_hints(of, {**_known(), **vars(sys.modules[of.__module__])})


@cache
def _known() -> dict[str, Any]:
    """What annotations name that their modules import for type checkers only: all that is loaded.

    Of names that several modules have, those of the values that are answered.
    """
    package = __name__.rpartition(".")[0]
    loaded = [module for name, module in sorted(sys.modules.items()) if name.startswith(package)]
    named = {name: value for module in (*loaded, otlp, fold, contexts) for name, value in vars(module).items()}
    return {"Mapping": Mapping, **named}


@cache
def _about_fields(module: types.ModuleType) -> dict[str, dict[str, str]]:
    """What stands below each field of each class."""
    classes = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)]
    return {node.name: dict(_about(node.body)) for node in classes}


def _about(body: list[ast.stmt]) -> Iterable[tuple[str, str]]:
    for field, text in pairwise(body):
        is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
            yield field.target.id, inspect.cleandoc(str(text.value.value))  # type: ignore[attr-defined]  # as just seen
