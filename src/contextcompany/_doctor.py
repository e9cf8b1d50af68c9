"""What is configured, where it leads, and whether a run arrives there: `contextcompany doctor`."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import stat
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from contextcompany import _diagnostics, _settings, _words
from contextcompany._encoding import encode_span, envelope, partial_success, request
from contextcompany._http import Client, NoAnswerError
from contextcompany._item import Item
from contextcompany._settings import SETTINGS, Settings, public_url
from contextcompany._verdict import failure, judge, legible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from contextcompany._http import Answer, Trouble
    from contextcompany._settings import Destination, Endpoint

__all__ = ["Examination", "examine", "report"]

_PACKAGES = ("contextcompany", "opentelemetry-api", "opentelemetry-sdk")
_SECRETS = ("api_key", "signing_key")
_URLS = ("url", "feedback_url", "proxy")


@dataclass(frozen=True)
class Value:
    """A setting, without what is secret in it."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Place:
    """Where one signal goes, and how."""

    url: str
    headers: tuple[str, ...]
    """Their names."""
    timeout: float
    compression: str
    proxy: str | None
    certificate: str | None
    client_certificate: str | None


@dataclass(frozen=True)
class Storage:
    """Where things wait until they are sent."""

    ok: bool
    kept_on: str
    directory: str
    source: str
    state: str


@dataclass(frozen=True)
class Trial:
    """What became of the test run."""

    ok: bool
    what: str
    advice: str
    milliseconds: int
    run_id: str


@dataclass(frozen=True)
class Examination:
    """All that there is to say."""

    versions: dict[str, str]
    settings: tuple[Value, ...]
    traces: Place
    logs: Place
    source: str
    outbox: Storage
    problem: str
    """What keeps programs from recording anything; empty if nothing does."""
    notes: tuple[str, ...]
    """What is wrong, but keeps nothing from working."""
    test_run: Trial

    @property
    def ok(self) -> bool:
        return self.outbox.ok and self.test_run.ok and not self.problem

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}


def examine(explicit: Mapping[str, object], environ: Mapping[str, str]) -> Examination:
    """Look at everything, and send a test run.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    with _listening() as notes:
        settings = _settings.resolve(explicit, environ)
        destination = _settings.destination(settings, environ)
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return Examination(
        versions={
            **{name: _version(name) for name in _PACKAGES},
            "Python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        settings=_values(settings),
        traces=_place(destination.traces),
        logs=_place(destination.logs),
        source=destination.source,
        outbox=_storage(settings, environ),
        problem="OTEL_SDK_DISABLED=true: programs record nothing" if disabled else "",
        notes=tuple(notes),
        test_run=send_test_run(destination),
    )


@contextmanager
def _listening() -> Iterator[list[str]]:
    """What is said meanwhile on the logger, as of variables of others that are wrong."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]  # for this one
    _diagnostics.LOGGER.addHandler(handler)
    try:
        yield said
    finally:
        _diagnostics.LOGGER.removeHandler(handler)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _values(settings: Settings) -> tuple[Value, ...]:
    names = dict.fromkeys(setting.field for setting in SETTINGS)
    return tuple(Value(name, _shown(name, getattr(settings, name)), settings.sources[name]) for name in names)


def _shown(name: str, value: Any) -> str:
    if value is None or value == ():
        return "–"
    if name in _SECRETS:
        return f"{value[:4]}… ({len(value)} characters)" if len(value) > 16 else f"({len(value)} characters, not shown)"
    if name in _URLS:
        return public_url(value)
    if name == "headers":
        return ", ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(value)
    if name.endswith("_size"):
        return _words.size(value)
    return f"{value:g} s" if isinstance(value, float) else str(value)


def _place(endpoint: Endpoint) -> Place:
    compresses = Client(endpoint).compresses
    return Place(
        url=public_url(endpoint.url),
        headers=tuple(name for name, _ in endpoint.headers),
        timeout=endpoint.timeout,
        compression="gzip" if compresses else "none",
        proxy=public_url(endpoint.proxy) if endpoint.proxy else None,
        certificate=endpoint.certificate,
        client_certificate=endpoint.client_certificate,
    )


# --- the outbox ------------------------------------------------------------------------------------------------------


def _storage(settings: Settings, environ: Mapping[str, str]) -> Storage:
    directory = _settings.outbox_dir(settings, environ)
    source = settings.sources["outbox_dir"]
    if settings.outbox != "disk":
        state = f"not used: what is recorded waits in memory, as {settings.sources['outbox']} says"
        return Storage(ok=True, kept_on="memory", directory=str(directory), source=source, state=state)
    try:
        ok, state = _state(directory)
    except OSError as error:
        ok, state = False, f"{error}; what is recorded waits in memory"
    return Storage(ok=ok, kept_on="disk", directory=str(directory), source=source, state=state)


def _state(directory: Path) -> tuple[bool, str]:
    """Whether files can be made there, in words too."""
    there = directory
    while not there.exists() and there != there.parent:
        there = there.parent
    free = _words.size(shutil.disk_usage(there).free) + " free"
    if not there.is_dir():
        return False, f"{there} is no directory; what is recorded waits in memory"
    if not os.access(there, os.W_OK | os.X_OK):
        return False, f"{there} cannot be written; what is recorded waits in memory"
    if there != directory:
        return True, f"not there yet, can be made; {free}"
    mode = stat.S_IMODE(directory.stat().st_mode)
    others = ", open to other users: it should have mode 0700" if mode & 0o077 and os.name == "posix" else ""
    return True, f"writable, mode {mode:04o}{others}; {free}"


# --- the test run ----------------------------------------------------------------------------------------------------


def send_test_run(destination: Destination) -> Trial:
    """Send a small run, which says that it is a test, and say what happens."""
    run_id, body = _test_run()
    started = time.monotonic()
    client = Client(destination.traces)
    try:
        answer = client.post(body)
    except NoAnswerError as error:
        ok, what, advice = False, *_without_answer(error, destination)
    else:
        ok, what, advice = _with_answer(answer)
    finally:
        client.close()
    milliseconds = round((time.monotonic() - started) * 1000)
    what, advice = client.public(_words.sentence(what)), client.public(_words.sentence(advice) if advice else "")
    return Trial(ok, what, advice, milliseconds, run_id)


def _test_run() -> tuple[str, bytes]:
    """The id of a run, and the request that carries it."""
    from contextcompany import run  # noqa: PLC0415 - the package's own names, and the SDK, for this alone
    from contextcompany.testing import capture  # noqa: PLC0415 - likewise

    with capture() as captured, run(agent="contextcompany doctor", metadata={"test": "contextcompany doctor"}) as r:
        r.prompt("Does this run arrive?").response("It does.")
    (span,) = captured.spans
    head, scope = envelope(span.resource, span.instrumentation_scope)
    return r.run_id, request([Item(None, "traces", head, scope, encode_span(span))])


def _with_answer(answer: Answer) -> tuple[bool, str, str]:
    verdict = judge(answer)
    if verdict.outcome != "taken":
        return False, f"the test run was not accepted: {verdict.reason}", verdict.advice or _advice(answer.status)
    rejected, message = partial_success(answer.body, answer.headers.get("content-type", ""))
    message = legible(message)
    if rejected:
        return (
            False,
            f"the test run was accepted, but then thrown away: {message or 'no reason given'}",
            "ask who runs the receiver",
        )
    said = f"; the receiver says: {message}" if message else ""
    return True, f"the test run was accepted: {answer.status} {legible(answer.reason)}".rstrip() + said, ""


def _advice(status: int) -> str:
    if status == 429:
        return "the receiver takes no more for now; programs keep what they record and try again"
    if status >= 500:
        return "the receiver, or a proxy before it, is in trouble; programs keep what they record and try again"
    return "the receiver does not take what it was sent; is it one for OTLP over HTTP, and is this its path for spans?"


_ADVICE: Mapping[Trouble, str] = {
    "refused": "is the receiver running, and is the port right?",
    "unresolved": "is the host's name right, and is there a network?",
    "unreachable": "is there a network, and is the address right?",
    "timed out": "is there a firewall, or does this network need a proxy (TCC_PROXY)?",
    "broken": "does it speak HTTP there? a receiver for OTLP over gRPC (often port 4317) does not",
}


def _without_answer(error: NoAnswerError, destination: Destination) -> tuple[str, str]:
    verdict = failure(error)
    host = urlsplit(destination.traces_url).netloc.rpartition("@")[2]
    if verdict.is_absent and destination.is_default:
        return (
            f"nothing listens at {host}, and no other place is configured",
            "set TCC_API_KEY, TCC_URL or OTEL_EXPORTER_OTLP_ENDPOINT, or start an Observatory on this machine",
        )
    advice = verdict.advice or _ADVICE.get(error.trouble, "")
    if destination.traces.proxy and not error.was_connected and not verdict.advice:
        advice = f"the way there is through the proxy {public_url(destination.traces.proxy)}: check TCC_PROXY"
    return f"no answer from {host} to the test run: {error}", advice


# --- for people ------------------------------------------------------------------------------------------------------


def report(found: Examination) -> str:
    """All of it as text."""
    versions = " · ".join(f"{name} {number}" for name, number in found.versions.items() if name != "system")
    lines = [f"{versions} · {found.versions['system']}", ""]
    lines += ["Settings (what a program passes to configure() is not seen here)"]
    lines += [*_words.aligned([(each.name, each.value, each.source) for each in found.settings]), ""]
    lines += ["Destination", *_words.aligned(_destination_rows(found)), ""]
    lines += ["Outbox"]
    lines += _words.aligned(
        [("directory", found.outbox.directory), ("from", found.outbox.source), ("state", found.outbox.state)]
    )
    lines += ["", "Findings"]
    lines += [f"  ✗ {_words.sentence(found.problem)}"] if found.problem else []
    lines += [] if found.outbox.ok else [f"  ✗ The outbox cannot be used: {_words.sentence(found.outbox.state)}"]
    lines += [f"  ! {note}" for note in found.notes]
    lines += _trial_lines(found.test_run)
    return "\n".join(lines)


def _destination_rows(found: Examination) -> list[tuple[str, str]]:
    rows = [("spans", found.traces.url), ("events", found.logs.url), ("from", found.source)]
    for field in fields(Place):
        if field.name == "url":
            continue
        values = [_place_text(getattr(place, field.name)) for place in (found.traces, found.logs)]
        if values[0] != values[1]:
            rows += [(f"{field.name} of spans", values[0]), (f"{field.name} of events", values[1])]
        elif values[0] != "–":
            rows.append((field.name, values[0]))
    return [(name.replace("_", " "), value) for name, value in rows]


def _place_text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) + " (values not shown)" if value else "–"
    return "–" if value is None else f"{value:g} s" if isinstance(value, float) else str(value)


def _trial_lines(trial: Trial) -> list[str]:
    lines = [f"  {'✓' if trial.ok else '✗'} {trial.what}"]
    lines += [f"    {trial.advice}"] if trial.advice else []
    lines += [f"    It took {trial.milliseconds:,} ms; the run's id is {trial.run_id}."] if trial.ok else []
    return lines
