"""Which settings exist, where each value comes from, and which URLs a recording is sent to.

An argument wins over an environment variable, which wins over the default. Everything here is a function
from value to value: the environment is an argument, and `os.environ` is the caller's business.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from ipaddress import AddressValueError, IPv6Address, ip_address
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from contextcompany import _diagnostics, _otel_environment
from contextcompany._content import clean_text
from contextcompany._detectors import DETECTORS
from contextcompany._otel_environment import HEADER_NAME, UNSAFE_IN_HEADER
from contextcompany.exceptions import ConfigurationError

__all__ = [
    "SETTINGS",
    "Destination",
    "Endpoint",
    "Setting",
    "Settings",
    "Signal",
    "destination",
    "is_loopback",
    "outbox_dir",
    "public_url",
    "resolve",
]

Signal = Literal["traces", "logs"]
"""What travels apart, each kind to its own URL."""

HOSTED_URL: Final = "https://api.thecontext.company"
"""The hosted Observatory, used as soon as there is an API key."""

HOSTED_DEV_URL: Final = "https://dev.thecontext.company"
"""The hosted Observatory for API keys that start with `dev_`."""

_TIMEOUT_S: Final = 10.0
"""For one whole request, connecting included; OpenTelemetry's default."""

LOCAL_URL: Final = "http://127.0.0.1:4318"
"""The local Observatory, used when nothing is configured; 4318 is OTLP/HTTP's registered port."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What was configured. Built by `resolve()`; strictly read-only."""

    api_key: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)  # may hold a password or a token, as may feedback_url
    feedback_url: str | None = field(default=None, repr=False)
    service_name: str | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    console: bool = False
    join_traces: bool = False
    propagate_threads: bool = False
    debug: bool = False
    run_timeout: float | None = None
    signing_key: str | None = field(default=None, repr=False)
    allow_unsafe_base_url: bool = False
    capture_content: bool | Literal["metadata-only"] = True
    detectors: tuple[str, ...] = ()
    redact: Callable[[str, str], str | None] | None = None
    max_value_size: int = 2**20
    max_span_size: int = 4 * 2**20
    outbox: Literal["disk", "memory", "off"] = "disk"
    outbox_dir: str | None = None
    durability: Literal["async", "sync", "fsync"] = "async"
    max_outbox_size: int = 256 * 2**20
    shutdown_timeout: float = 2.0
    certificate: str | None = None
    proxy: str | None = field(default=None, repr=False)
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """For each field "argument", the name of the environment variable, or "default"."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one signal goes, and how."""

    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout: float = _TIMEOUT_S
    """Seconds for a whole request, connecting included."""
    compression: bool | None = None
    """Whether bodies are sent as gzip; `None` = only to hosts that are not this machine."""
    certificate: str | None = None
    """File of the CA certificates that are trusted."""
    client_certificate: str | None = None
    client_key: str | None = None
    proxy: str | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """The URL, for people: without what may be secret in it."""
        return public_url(self.url)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where spans and events go, and how. Hashable; equal destinations share a pipeline."""

    traces: Endpoint
    logs: Endpoint
    source: str
    """What decided it: "tcc_url argument", "TCC_URL", "TCC_API_KEY", …, or "default"."""

    def endpoint(self, signal: Signal) -> Endpoint:
        return self.logs if signal == "logs" else self.traces

    @property
    def traces_url(self) -> str:
        return self.traces.url

    @property
    def logs_url(self) -> str:
        return self.logs.url

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What goes with spans; events take others where OpenTelemetry's variables say so."""
        return self.traces.headers

    @property
    def fingerprint(self) -> str:
        """32 hex digits that tell URLs and headers apart without holding them; equal in every process."""
        parts = [[each.url, sorted(each.headers)] for each in (self.traces, self.logs)]
        return hashlib.sha256(b"contextcompany destination 1\0" + json.dumps(parts).encode()).hexdigest()[:32]

    @property
    def label(self) -> str:
        """The URL for spans, for people: without what may be secret in it."""
        return self.traces.label

    @property
    def is_default(self) -> bool:
        """Nothing was configured, so this is the local Observatory."""
        return self.source == "default"

    @property
    def uses_otel_environment(self) -> bool:
        """OpenTelemetry's own variables for headers, certificates, timeout and compression apply too."""
        return _is_otel(self.source)

    def __repr__(self) -> str:
        # A URL can hold a password or a token as well as a header can, so neither is shown.
        return (
            f"Destination({public_url(self.traces.url)!r}, {public_url(self.logs.url)!r}, "
            f"headers=<{len(self.traces.headers)} not shown>, source={self.source!r})"
        )


def resolve(explicit: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """What `explicit` says, else what `environ` says, else the default.

    `None` and blank text count as not given, and a value that is overruled is not looked at.

    Raises:
        ConfigurationError: A name in `explicit` is not a setting, or a value is wrong.
    """
    _refuse_unknown(explicit)
    values: dict[str, Any] = {}
    sources = dict.fromkeys(_FIELDS, "default")
    for setting in SETTINGS:
        if setting.field in values:
            continue  # TCC_URL stands before TCC_BASE_URL
        argument = explicit.get(setting.field)
        variable = environ.get(setting.variable, "").strip() if setting.variable else ""
        if not _is_blank(argument):
            values[setting.field] = setting.parse(setting.field, argument)
            sources[setting.field] = "argument"
        elif setting.variable and variable:
            values[setting.field] = setting.parse(setting.variable, variable)
            sources[setting.field] = setting.variable
    return Settings(**values, sources=MappingProxyType(sources))


def destination(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    api_key: str | None = None,
    url: str | None = None,
) -> Destination:
    """Where a run goes; `api_key` and `url` are the run's own and win over the settings.

    From `environ` come OpenTelemetry's `OTEL_EXPORTER_OTLP_*`, when neither a URL nor an API key is known, and the
    proxy, when the setting is `env`. A run's own URL also decides where its feedback goes.

    Raises:
        ConfigurationError: A URL, a key or a proxy is wrong, or the key would travel over plain http.
    """
    own_key = None if _is_blank(api_key) else _header_text("api_key", api_key)
    key = own_key or settings.api_key
    key_source = "api_key argument" if own_key else _source(settings, "api_key")

    if not _is_blank(url):
        source, (traces, logs) = "tcc_url argument", _signal_urls(_url("tcc_url", url))
    elif settings.url:
        source, (traces, logs) = _source(settings, "url"), _signal_urls(settings.url)
    elif key:
        hosted = HOSTED_DEV_URL if key.startswith("dev_") else HOSTED_URL
        source, (traces, logs) = key_source, _signal_urls(hosted)
    else:
        source, traces, logs = _otel_urls(environ) or ("default", *_signal_urls(LOCAL_URL))

    logs_source = source
    if settings.feedback_url and _is_blank(url):
        logs_source, logs = _source(settings, "feedback_url"), _feedback_logs_url(settings.feedback_url)

    if key and not settings.allow_unsafe_base_url:
        _refuse_plain_http(source, traces)
        _refuse_plain_http(logs_source, logs)
    headers = _all_headers(settings, key, is_own=own_key is not None)
    return Destination(
        _endpoint("traces", traces, source, headers, settings, environ),
        _endpoint("logs", logs, logs_source, headers, settings, environ),
        source,
    )


def outbox_dir(settings: Settings, environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The directory of the outbox: as configured, else the platform's place for a user's state. It need not exist."""
    home = Path(environ.get("USERPROFILE" if platform == "win32" else "HOME") or _home_of_this_user())
    if settings.outbox_dir:
        given = Path(settings.outbox_dir)
        return home.joinpath(*given.parts[1:]).absolute() if given.parts[:1] == ("~",) else given.absolute()
    if platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or home / "AppData/Local")
    elif platform == "darwin":
        base = home / "Library/Application Support"
    else:
        # https://specifications.freedesktop.org/basedir-spec/latest/: a relative path is to be ignored.
        stated = environ.get("XDG_STATE_HOME", "")
        base = Path(stated) if stated.startswith("/") else home / ".local/state"
    return (base / "contextcompany" / "outbox").absolute()


def _home_of_this_user() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")  # a container's user who is in no list of users


def _is_otel(source: str) -> bool:
    return source.startswith("OTEL_")


# Keys, headers, certificates and proxies.


def _endpoint(
    signal: Signal,
    url: str,
    source: str,
    headers: tuple[tuple[str, str], ...],
    settings: Settings,
    environ: Mapping[str, str],
) -> Endpoint:
    """Where a signal goes, and how. OpenTelemetry's variables are for OpenTelemetry's endpoint alone."""
    otel = _otel_environment.exporter(signal, environ if _is_otel(source) else {})
    return Endpoint(
        url,
        tuple(sorted({**otel.headers, **dict(headers)}.items())),
        timeout=otel.timeout or _TIMEOUT_S,
        compression=otel.compression,
        certificate=settings.certificate or otel.certificate,
        client_certificate=otel.client_certificate,
        client_key=otel.client_key,
        proxy=_proxy(url, settings, environ),
    )


def _all_headers(settings: Settings, key: str | None, *, is_own: bool) -> tuple[tuple[str, str], ...]:
    """The extra headers and the key; an `authorization` given as a header wins over a configured key."""
    authorization = {"authorization": f"Bearer {key}"} if key else {}
    extra = dict(settings.headers or {})
    return tuple(sorted(({**extra, **authorization} if is_own else {**authorization, **extra}).items()))


def _refuse_plain_http(source: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return
    raise ConfigurationError(
        f"`{_name(source)}` would send the API key over plain http to {_shown(public_url(url))}; "
        "use https://, or set TCC_ALLOW_UNSAFE_BASE_URL=1."
    )


_PROXY_FROM_ENVIRONMENT: Final = "env"


def _proxy(url: str, settings: Settings, environ: Mapping[str, str]) -> str | None:
    """The proxy on the way to `url`; to this machine there is none."""
    parts = urlsplit(url)
    if not settings.proxy or is_loopback(parts.hostname or ""):
        return None
    if settings.proxy != _PROXY_FROM_ENVIRONMENT:
        return settings.proxy
    for name in (f"{parts.scheme.upper()}_PROXY", "ALL_PROXY"):
        value = _proxy_variable(name, environ)
        if value and not _bypasses_proxy(parts.netloc.rpartition("@")[2], environ):
            return _proxy_url(name, value if "://" in value else f"http://{value}")
    return None


def _proxy_variable(name: str, environ: Mapping[str, str]) -> str:
    """As `urllib.request.getproxies_environment`, which knows only `os.environ`: lower case wins, even when empty.

    In a CGI script, `HTTP_PROXY` is what a request says in its header `Proxy`.
    """
    is_forged = name == "HTTP_PROXY" and "REQUEST_METHOD" in environ
    return environ.get(name.lower(), "" if is_forged else environ.get(name, "")).strip()


def _bypasses_proxy(place: str, environ: Mapping[str, str]) -> bool:
    from urllib import request  # noqa: PLC0415 - it imports an HTTP client

    exceptions = {"no": _proxy_variable("NO_PROXY", environ)}
    return bool(request.proxy_bypass_environment(place, exceptions))  # type: ignore[attr-defined]  # typeshed lacks it


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


# URLs.


def _signal_urls(url: str) -> tuple[str, str]:
    """The URLs for traces and logs that one URL stands for."""
    if _is_origin(url):
        return _with_path(url, "/v1/traces"), _with_path(url, "/v1/logs")
    traces = _replace_end(url, "/v1/custom", "/v1/traces")  # where the original SDK posted its JSON
    return traces, _sibling(traces, "traces", "logs")


def _feedback_logs_url(url: str) -> str:
    if _is_origin(url):
        return _with_path(url, "/v1/logs")
    return _replace_end(url, "/v1/feedback", "/v1/logs")  # where the original SDK posted its JSON


def _otel_urls(environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Source, traces URL and logs URL as OpenTelemetry's variables have them, if any is set.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp: a signal's own
    variable is taken verbatim, the general one is a base. With only one signal's, the other is its sibling.
    """

    def read(signal: str) -> tuple[str, str] | None:
        name = f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT"
        value = environ.get(name, "").strip()
        return (name, _url(name, value)) if value else None

    traces, logs = read("TRACES_"), read("LOGS_")
    base = None if traces and logs else read("")
    first = traces or base or logs
    if not first:
        return None
    if base:
        traces_url, logs_url = _below(base[1], "/v1/traces"), _below(base[1], "/v1/logs")
    else:
        traces_url, logs_url = _sibling(first[1], "logs", "traces"), _sibling(first[1], "traces", "logs")
    return first[0], _rooted(traces[1]) if traces else traces_url, _rooted(logs[1]) if logs else logs_url


def _rooted(url: str) -> str:
    return url if urlsplit(url).path else _with_path(url, "/")


def _sibling(url: str, signal: str, other: str) -> str:
    if _is_origin(url):
        return _with_path(url, f"/v1/{other}")
    return _replace_end(url, f"/{signal}", f"/{other}")


def _is_origin(url: str) -> bool:
    return not urlsplit(url).path.strip("/")


def _below(url: str, path: str) -> str:
    return _with_path(url, urlsplit(url).path.rstrip("/") + path)


def _replace_end(url: str, old: str, new: str) -> str:
    path = urlsplit(url).path
    bare = path.rstrip("/")
    if not bare.endswith(old):
        return url
    return _with_path(url, bare.removesuffix(old) + new + path[len(bare) :])


def _with_path(url: str, path: str) -> str:
    return urlsplit(url)._replace(path=path).geturl()


def public_url(url: str) -> str:
    """The URL without what may be secret in it, user information and query; made for malformed ones too."""
    match = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url)
    scheme = match[0] if match else ""
    user, _, place = url[len(scheme) :].rpartition("@")
    if re.search(r"[?#]", user):
        return f"{scheme}…"  # an "@" in a query or a "?" in a password: no telling which
    return scheme + re.split(r"[?#]", place, maxsplit=1)[0]


# Parsers: the name to put into a message and the raw value, to the value.


def _text(name: str, value: object) -> str:
    """Text that can be encoded; a variable that is not valid UTF-8 reaches Python as lone surrogates."""
    if not isinstance(value, str):
        raise ConfigurationError(f"`{name}` must be text, got {_shown(value)}.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"`{name}` must be valid Unicode text, got {_shown(value)}.") from None
    return value


def _service_name(name: str, value: object) -> str:
    """As a variable it is other people's: what is no text in it is replaced and said, and all is recorded."""
    if name == "service_name" or not isinstance(value, str):
        return _text(name, value)
    text = clean_text(value)
    if text != value:
        _diagnostics.warn(name, "`%s` is no valid Unicode text; the service is called %s.", name, _shown(text))
    return text


def _secret(name: str, value: object) -> str:
    """Text that no message shows."""
    try:
        return _text(name, value)
    except ConfigurationError:
        raise ConfigurationError(f"`{name}` must be valid Unicode text (its value is not shown).") from None


def _header_text(name: str, value: object) -> str:
    """Text that may stand in an HTTP header. As it may be a secret, no message shows it."""
    if not isinstance(value, str):
        raise ConfigurationError(f"`{name}` must be text, got a value of type {type(value).__name__}.")
    if UNSAFE_IN_HEADER.search(value):
        raise ConfigurationError(
            f"`{name}` must not contain line breaks, control characters or characters outside Latin-1; "
            "check how it was copied (its value is not shown)."
        )
    return value.strip()


def _headers(name: str, value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"`{name}` must map header names to text, got a value of type {type(value).__name__}.")
    result = {}
    for header, content in value.items():
        if not isinstance(header, str) or not HEADER_NAME.fullmatch(header):
            raise ConfigurationError(f"`{name}` contains something that is not an HTTP header name.")
        result[header.lower()] = _header_text(f"{name}[{header!r}]", content)
    return MappingProxyType(result)


_TRUE: Final = ("1", "true", "yes", "on")
_FALSE: Final = ("0", "false", "no", "off", "")


def _flag(name: str, value: object) -> bool:
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    word = value.strip().lower() if isinstance(value, str) else None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    known = ", ".join(_TRUE + _FALSE[:-1])
    raise ConfigurationError(f"`{name}` must be one of {known}, got {_shown(value)}.")


def _limit(name: str, value: object) -> float | None:
    return _seconds(name, value, "a number of seconds, or 0 for no limit") or None


def _wait(name: str, value: object) -> float:
    return _seconds(name, value, "a number of seconds, 0 or more")


def _seconds(name: str, value: object, takes: str) -> float:
    seconds = -1.0
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            seconds = float(value)
    if not isfinite(seconds) or seconds < 0:
        raise ConfigurationError(f"`{name}` must be {takes}, got {_shown(value)}.")
    return seconds


_METADATA_ONLY: Final = "metadata-only"


def _capture(name: str, value: object) -> bool | str:
    word = value.strip().lower().replace("_", "-") if isinstance(value, str) else value
    if word == _METADATA_ONLY:
        return _METADATA_ONLY
    try:
        return _flag(name, value)
    except ConfigurationError:
        raise ConfigurationError(f"`{name}` must be true, false or {_METADATA_ONLY}, got {_shown(value)}.") from None


def _otel_capture(name: str, value: object) -> bool:
    """What OpenTelemetry's GenAI instrumentations read; `EVENT_ONLY` is not on spans.

    The variable is other people's, so a wrong value is only said. Like them, we take it as `NO_CONTENT`:
    https://github.com/open-telemetry/opentelemetry-python-contrib/tree/main/util/opentelemetry-util-genai
    """
    word = str(value).strip().lower()
    if word in (*_TRUE, "span_only", "span_and_event"):
        return True
    if word not in (*_FALSE, "no_content", "event_only"):
        _diagnostics.warn(name, "`%s` is none of its known values; content is not captured.", name)
    return False


def _detectors(name: str, value: object) -> tuple[str, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if isinstance(words, (list, tuple, set, frozenset)) and all(isinstance(word, str) for word in words):
        chosen = {word.strip().lower() for word in words} - {""}
        if chosen <= DETECTORS.keys():
            return tuple(detector for detector in DETECTORS if detector in chosen)
    raise ConfigurationError(f"`{name}` may name {_listed(DETECTORS)}, got {_shown(value)}.")


def _one_of(*words: str) -> Callable[[str, object], str]:
    def parse(name: str, value: object) -> str:
        word = value.strip().lower() if isinstance(value, str) else None
        if word in words:
            return word
        raise ConfigurationError(f"`{name}` must be one of {', '.join(words)}, got {_shown(value)}.")

    return parse


def _path(name: str, value: object) -> str:
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if isinstance(path, str) and "\0" not in path:
        return path
    raise ConfigurationError(f"`{name}` must be a path, got {_shown(value)}.")


def _certificate(name: str, value: object) -> str:
    path = _path(name, value)
    if Path(path).is_file():
        return path
    raise ConfigurationError(f"`{name}` must be a file of CA certificates, and there is none at {_shown(path)}.")


def _function(name: str, value: object) -> Callable[..., Any]:
    if callable(value):
        return value
    raise ConfigurationError(f"`{name}` must be a function of a text and its path, got {_shown(value)}.")


def _size(name: str, value: object) -> int:
    size = 0
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        with suppress(ValueError):
            size = int(value)
    if size <= 0:
        raise ConfigurationError(f"`{name}` must be a number of bytes above 0, got {_shown(value)}.")
    return size


_URL: Final = re.compile(
    r"""https?://
    (?: [\w.~!$&()*+,;=:%-]* @ )?                                      # user information
    (?: \[ (?P<ipv6> [0-9a-f:.]+ ) \] | [\w-]{1,63} (?: \.[\w-]{1,63} )* \.? )
    (?: : (?P<port> \d{0,5} ) )?
    (?: / [\w.~!$&()*+,;=:@%/-]* )?
    (?: \? [\w.~!$&()*+,;=:@%/?-]* )?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
"""An http URL as in RFC 3986, without fragment and without the quotes that shells and YAML leave behind."""


_KEY_LIKE: Final = re.compile(r"[^.:/\s]{16,}")
"""A key that was put into the variable for the URL must not come out in a log."""


def _url(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"`{name}` must be text, got {_shown(value)}.")
    if not value.lower().startswith(("http://", "https://")):
        shown = "something that looks like a key" if _KEY_LIKE.fullmatch(value) else _shown(public_url(value))
        raise ConfigurationError(f"`{name}` must start with http:// or https://, got {shown}.")
    match = _URL.fullmatch(value)
    if match and _is_address(match["ipv6"]) and 0 < int(match["port"] or 80) < 65536:
        return value
    raise ConfigurationError(
        f"`{name}` must be a URL like https://host:4318/v1/traces, with a valid host and port and without "
        f"spaces, quotes or #, got {_shown(public_url(value))}."
    )


def _proxy_setting(name: str, value: object) -> str:
    is_word = isinstance(value, str) and value.strip().lower() == _PROXY_FROM_ENVIRONMENT
    return _PROXY_FROM_ENVIRONMENT if is_word else _proxy_url(name, value)


def _proxy_url(name: str, value: object) -> str:
    with suppress(ConfigurationError):
        parts = urlsplit(_url(name, value))
        if parts.scheme == "http" and parts.path in ("", "/") and not parts.query:
            return f"http://{parts.netloc}"
    raise ConfigurationError(
        f"`{name}` must be like http://host:3128 or http://user:password@host:3128 (its value is not shown)."
    )


def _is_address(ipv6: str | None) -> bool:
    try:
        return ipv6 is None or bool(IPv6Address(ipv6))
    except AddressValueError:
        return False


def _base_url(name: str, value: object) -> str:
    return _below(_url(name, value), "/v1/traces")


@dataclass(frozen=True, slots=True)
class Setting:
    """One place where the value of a field of `Settings` may come from."""

    field: str
    variable: str | None
    parse: Callable[[str, object], object]
    brief: str


SETTINGS: Final = (
    Setting("api_key", "TCC_API_KEY", _header_text, "API key, sent as `Authorization: Bearer …`."),
    Setting("url", "TCC_URL", _url, "Where runs go: an origin, or the full URL for traces."),
    Setting("url", "TCC_BASE_URL", _base_url, "Where runs go, as a base that gets /v1/traces and /v1/logs."),
    Setting("feedback_url", "TCC_FEEDBACK_URL", _url, "Where feedback goes, if not to the same place."),
    Setting("service_name", "OTEL_SERVICE_NAME", _service_name, "The name of the program in what is recorded."),
    Setting("headers", None, _headers, "Extra HTTP headers for every request."),
    Setting("console", "TCC_CONSOLE", _flag, "Print each finished run to the terminal."),
    Setting("join_traces", "TCC_JOIN_TRACES", _flag, "Make a run the child of a foreign span around it."),
    Setting(
        "propagate_threads", "TCC_PROPAGATE_THREADS", _flag, "Let context follow into threads by itself (patches them)."
    ),
    Setting("debug", "TCC_DEBUG", _flag, "Log what is recorded and sent, without content."),
    Setting("run_timeout", "TCC_RUN_TIMEOUT", _limit, "Seconds after which an open run is ended as an error."),
    Setting("signing_key", "TCC_SIGNING_KEY", _secret, "Signs the tokens of suspended runs."),
    Setting(
        "allow_unsafe_base_url",
        "TCC_ALLOW_UNSAFE_BASE_URL",
        _flag,
        "Send the API key over plain http to other machines too.",
    ),
    Setting(
        "capture_content",
        "TCC_CAPTURE_CONTENT",
        _capture,
        "Whether content travels: true, false, or metadata-only.",
    ),
    Setting(
        "capture_content",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        _otel_capture,
        "The same, as OpenTelemetry's instrumentations have it.",
    ),
    Setting("detectors", "TCC_DETECTORS", _detectors, "What to redact in all content."),
    Setting("redact", None, _function, "A function that has the last say about each text."),
    Setting("max_value_size", "TCC_MAX_VALUE_SIZE", _size, "Bytes that one attribute may have."),
    Setting("max_span_size", "TCC_MAX_SPAN_SIZE", _size, "Bytes that all attributes of a span may have."),
    Setting(
        "outbox",
        "TCC_OUTBOX",
        _one_of("disk", "memory", "off"),
        "Where what is not sent yet waits: disk, memory, or off, which drops what is not taken at once.",
    ),
    Setting("outbox_dir", "TCC_OUTBOX_DIR", _path, "The directory of the outbox."),
    Setting(
        "durability",
        "TCC_DURABILITY",
        _one_of("async", "sync", "fsync"),
        "When what has ended is on disk: async, within 100 ms; sync, before end() returns; fsync, even if power fails.",
    ),
    Setting("max_outbox_size", "TCC_MAX_OUTBOX_SIZE", _size, "Bytes that may wait; the oldest give way."),
    Setting("shutdown_timeout", "TCC_SHUTDOWN_TIMEOUT", _wait, "Seconds that a program's end waits for sending."),
    Setting("certificate", "TCC_CERTIFICATE", _certificate, "File of the CA certificates to trust."),
    Setting("proxy", "TCC_PROXY", _proxy_setting, "A proxy's http:// URL, or env for HTTPS_PROXY and its relatives."),
)
"""Every setting, once; where a field has two variables, the first that is set wins."""

_FIELDS: Final = tuple(f.name for f in fields(Settings) if f.name != "sources")


def _refuse_unknown(explicit: Mapping[str, object]) -> None:
    for name in explicit:
        if name not in _FIELDS:
            near = get_close_matches(name, _FIELDS, cutoff=0.5)
            hint = f"did you mean {_listed(near)}?" if near else f"the settings are {_listed(_FIELDS)}."
            raise ConfigurationError(f"`{name}` is not a setting; {hint}")


# Words for messages.


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _source(settings: Settings, name: str) -> str:
    source = settings.sources.get(name, "argument")
    return f"{name} argument" if source == "argument" else source


def _name(source: str) -> str:
    return source.removesuffix(" argument")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _shown(value: object) -> str:
    """The value for a message; `repr` of a user's object may raise, and of a huge int does."""
    if isinstance(value, str):
        return repr(value if len(value) <= 100 else value[:100] + "…")
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**15):
        return repr(value)
    return f"a value of type {type(value).__name__}"
