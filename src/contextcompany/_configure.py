"""Holds the one pipeline of the process; builds it when somebody configures or records, never on import."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from contextcompany import _diagnostics, _processes
from contextcompany._recording import end_open_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.trace import TracerProvider

    from contextcompany._pipeline import OTelPipeline
    from contextcompany._policy import Policy
    from contextcompany._recording import Pipeline

__all__ = ["FlushReport", "configure", "flush", "pipeline", "policy", "shutdown", "stats", "use"]

# The SDK, the exporter and `requests` take about 75 ms to import, so `_pipeline`, which needs them, is imported when
# the pipeline is built and not with this module.

_building = threading.RLock()
_explicit: dict[str, object] = {}
_built: OTelPipeline | None = None
_replacement: Pipeline | None = None
_policy: Policy | None = None


class FlushReport(NamedTuple):
    """What became of the spans and events recorded so far in this process."""

    delivered: int
    """Answered by the receiver with success."""
    waiting: int
    """Not sent yet: 0 unless the time-out passed, or a try failed; it is tried again later."""
    dead: int
    """Refused by the receiver for good, and put aside."""
    dropped: dict[str, int]
    """What `stats()` counts: lost, cut or replaced, by reason."""


def configure(
    *,
    api_key: str | None = None,
    url: str | None = None,
    feedback_url: str | None = None,
    headers: Mapping[str, str] | None = None,
    service_name: str | None = None,
    tracer_provider: TracerProvider | None = None,
    join_traces: bool | None = None,
    propagate_threads: bool | None = None,
    run_timeout: float | None = None,
    signing_key: str | None = None,
    console: bool | None = None,
    debug: bool | None = None,
    allow_unsafe_base_url: bool | None = None,
    capture_content: bool | Literal["metadata-only"] | None = None,
    detectors: Sequence[str] | None = None,
    redact: Callable[[str, str], str | None] | None = None,
    max_value_size: int | None = None,
    max_span_size: int | None = None,
    outbox: Literal["disk", "memory", "off"] | None = None,
    outbox_dir: str | os.PathLike[str] | None = None,
    durability: Literal["async", "sync", "fsync"] | None = None,
    max_outbox_size: int | None = None,
    shutdown_timeout: float | None = None,
    certificate: str | os.PathLike[str] | None = None,
    proxy: str | None = None,
) -> None:
    """Set how runs are recorded and where they go. May be called again: what is given is merged into what was.

    What is not given comes from the environment, then from the defaults. Runs that are open keep the tracer they have;
    their destination follows unless it is their own. Starts the pipeline and its threads.

    Args:
        api_key: Key of the hosted Observatory, or of what `url` points to (`TCC_API_KEY`).
        url: Where runs go: an origin, which gets `/v1/traces` and `/v1/logs`, or a whole URL (`TCC_URL`).
        feedback_url: Where feedback goes, when it is another place (`TCC_FEEDBACK_URL`).
        headers: HTTP headers to send as well.
        service_name: `service.name` of the resource (`OTEL_SERVICE_NAME`).
        tracer_provider: Record through this provider, to wherever its processors send, instead of a private one.
        join_traces: Make a run inside a foreign span that span's child instead of a root that links to it
            (`TCC_JOIN_TRACES`).
        propagate_threads: Let context follow into threads and the tasks of thread pools by itself, by patching
            `threading.Thread.start` and `ThreadPoolExecutor.submit`; `False`, and `shutdown()`, undo that
            (`TCC_PROPAGATE_THREADS`).
        run_timeout: Seconds after which a run that has not ended is ended as an error; 0 = never (`TCC_RUN_TIMEOUT`).
        signing_key: Signs the tokens of suspended runs, so that `resume()` takes no other (`TCC_SIGNING_KEY`).
        console: Print each finished run as a tree to standard error (`TCC_CONSOLE`).
        debug: Log what is recorded and sent, without content (`TCC_DEBUG`).
        allow_unsafe_base_url: Send keys over plain http to hosts that are not this one
            (`TCC_ALLOW_UNSAFE_BASE_URL`).
        capture_content: What people, models and tools said: `True` sends it, `False` leaves it out, `"metadata-only"`
            sends lengths in its place, and the structure of messages (`TCC_CAPTURE_CONTENT`, else
            `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`).
        detectors: What to redact in all content: any of `secrets`, `emails`, `phones`, `cards` (`TCC_DETECTORS`, with
            commas). Secrets in status and exception messages are redacted anyway.
        redact: Called with each text that is not an id or a name, and with its path, as
            `gen_ai.input.messages[0].parts[0].content`; returns what to send in its place, or `None` to leave it out.
            Runs on the thread that ends a span, and on one of ours for what is open. If it raises, that text is not
            sent.
        max_value_size: Bytes that one attribute may have; what is larger is cut (`TCC_MAX_VALUE_SIZE`; 1 MiB).
        max_span_size: Bytes that the attributes and events of a span may have (`TCC_MAX_SPAN_SIZE`; 4 MiB).
        outbox: Where what is not sent yet waits: on `"disk"`, or in `"memory"`, where it ends with the process.
            `"off"` is `"memory"`, and what is not taken at the first attempt is dropped (`TCC_OUTBOX`).
        outbox_dir: The directory of the outbox on disk (`TCC_OUTBOX_DIR`). By default `contextcompany/outbox` in
            `$XDG_STATE_HOME` or `~/.local/state`; in `~/Library/Application Support` on macOS; in `%LOCALAPPDATA%` on
            Windows.
        durability: When what has ended is on disk: `"async"`, at most 100 ms later; `"sync"`, before `.end()` returns;
            `"fsync"`, likewise, and it survives a loss of power (`TCC_DURABILITY`).
        max_outbox_size: Bytes that may wait; the oldest give way (`TCC_MAX_OUTBOX_SIZE`; 256 MiB).
        shutdown_timeout: Seconds that the end of the program waits for sending (`TCC_SHUTDOWN_TIMEOUT`; 2).
        certificate: File of the CA certificates to trust, in PEM, instead of the usual ones (`TCC_CERTIFICATE`).
        proxy: A proxy as `http://user:password@host:3128`, or `"env"` for the one that `HTTP_PROXY`, `HTTPS_PROXY`,
            `ALL_PROXY` and `NO_PROXY` name (`TCC_PROXY`). Never used on the way to this machine.

    Raises:
        ConfigurationError: (a `ValueError`) a setting is wrong; nothing is changed then.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    global _built, _policy
    with _building:
        _let_forks_wait()
        from contextcompany import _pipeline  # noqa: PLC0415 - see the top of this module

        merged = {**_explicit, **given}
        built = _pipeline.build(merged, os.environ, previous=_built)
        _explicit.update(given)
        _built, _policy = built, built.policy
        _shut_down_at_exit()


def configured() -> dict[str, object]:
    """The settings that `configure()` was given, but for the provider."""
    return {name: value for name, value in _explicit.items() if name != "tracer_provider"}


def adopt(settings: Mapping[str, object]) -> None:
    """Take over what `configure()` was given in a parent process, unless this process is configured itself."""
    if _explicit or _built is not None:
        return
    with _building:
        if not _explicit and _built is None:
            _explicit.update(settings)


def policy() -> Policy | None:
    """The content policy of the last pipeline that was built, whether it is still there or not."""
    return _policy


def pipeline() -> Pipeline:
    """The pipeline, built from the environment if nobody called `configure()`.

    A wrong setting in the environment must not stop the program: it is said once and nothing is sent.
    """
    replacement, built = _replacement, _built  # another thread may change them meanwhile
    if replacement is not None:
        return replacement
    return built if built is not None else _build()


def use(replacement: Pipeline | None) -> Pipeline | None:
    """Record through `replacement` from now on, whatever is configured meanwhile; `None` ends that.

    Returns the replacement that was in use, to be put back.
    """
    global _replacement
    with _building:
        before, _replacement = _replacement, replacement
    return before


def flush(timeout: float = 30.0) -> FlushReport:
    """Try to send what waits, for at most `timeout` seconds. May be called from any thread, and again."""
    built = _built
    if built is None:
        return FlushReport(0, 0, 0, _diagnostics.counts())
    return FlushReport(*built.flush(timeout), _diagnostics.counts())


def write() -> None:
    """Put what has ended into the outbox now; nothing is sent on this thread."""
    built = _built
    if built is not None:
        built.delivery.write()


def shutdown(timeout: float = 30.0) -> FlushReport:
    """Flush and stop the threads, in at most `timeout` seconds. Recording afterwards starts a new pipeline.

    Runs that are still open are ended as errors and marked incomplete.
    """
    global _built
    deadline = time.monotonic() + timeout
    end_open_runs()
    report = flush(timeout)
    with _building:
        built, _built = _built, None
    if built is None:
        return report
    return FlushReport(*built.shutdown(max(deadline - time.monotonic(), 0)), _diagnostics.counts())


def stats() -> dict[str, int]:
    """What was lost, cut or replaced in this process, by reason; empty when all is well."""
    return _diagnostics.counts()


def _build() -> Pipeline:
    global _built, _policy  # noqa: PLW0603 - there is one pipeline per process
    with _building:
        if _built is None:
            _let_forks_wait()
            from contextcompany import _pipeline  # noqa: PLC0415 - see the top of this module

            _built = _pipeline.build_or_disable(_explicit, os.environ)
            _policy = _built.policy
            _shut_down_at_exit()
        return _built


def _forked() -> None:
    global _building  # noqa: PLW0603 - another thread of the parent may have held it, and is not here to let go
    _building = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _let_forks_wait() -> None:
    """Have a fork wait while another thread builds a pipeline: the child would wait for ever for what that imports."""
    global _forks_wait  # noqa: PLW0603 - it is about the process
    if _forks_wait or not hasattr(os, "register_at_fork"):
        return
    # It holds a lock over a fork which building needs. What is registered last is called first, so ours comes first.
    import concurrent.futures.thread  # noqa: F401, PLC0415 - see the top of this module

    os.register_at_fork(before=lambda: _building.acquire(), after_in_parent=_after_fork)  # noqa: PLW0108 - a child has another one
    _forks_wait = True


_forks_wait = False


def _after_fork() -> None:
    with suppress(RuntimeError):  # it was registered in the midst of the fork
        _building.release()


def _shut_down_at_exit() -> None:
    atexit.unregister(_at_exit)
    atexit.register(_at_exit)
    _processes.before_termination(_before_exit, lambda: _built.shutdown_timeout if _built is not None else 0.0)


def _at_exit() -> None:
    built = _built
    with _processes.ending():
        end_open_runs()
        if built is not None:
            built.shutdown(built.shutdown_timeout)


def _before_exit() -> None:
    """In a process that ends without `atexit`; so do the providers of the user's, whose spans our processors have."""
    pipelines = sys.modules.get("contextcompany._pipeline")
    with _processes.ending():
        end_open_runs()
        if pipelines is not None:
            pipelines.shut_down_before_exit(_built)


_processes.before_child_exit(_before_exit)


def reset_for_tests() -> None:
    """As if the process had just started."""
    global _policy  # noqa: PLW0603 - there is one pipeline per process
    use(None)
    shutdown(1.0)
    _explicit.clear()
    _policy = None
    _diagnostics.reset_for_tests(reraise=True)
