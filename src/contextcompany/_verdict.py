"""What an answer, or none, means for what was sent: a function from value to value."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from html import unescape
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from contextcompany._http import Answer, NoAnswerError

__all__ = ["MAX_DELAY_S", "Verdict", "failure", "judge", "legible"]

MAX_DELAY_S = 60.0
"""Nothing waits longer than this until it is tried again, whatever a server asks for."""

_MAX_TEXT = 200

Outcome = Literal["taken", "later", "held", "refused", "not compressed", "stopped"]


class Verdict(NamedTuple):
    """What to do with the items of a request."""

    outcome: Outcome
    """"taken": done. "later": again after a while. "held": again after a while, but somebody has to do something first.
    "refused": not these items. "not compressed": again at once, uncompressed. "stopped": by ourselves."""
    reason: str = ""
    advice: str = ""
    retry_after: float | None = None
    """Seconds that the server asked for."""
    is_too_large: bool = False
    may_be_poison: bool = False
    """It may be one item that the server fails at, or a firewall before it, rather than the server that fails."""
    is_answer: bool = True
    is_absent: bool = False
    """Nothing listens there."""


_ADVICE: Final = {
    401: "the key is missing or wrong; check TCC_API_KEY or the headers",
    403: "the key may not be used for this; check TCC_API_KEY or the headers",
    404: "nothing is received at this path; check the URL",
    405: "nothing is received at this path; check the URL",
    407: "the proxy wants a user and a password; check TCC_PROXY",
    415: "it does not take OTLP as protobuf; check the URL",
}
_LATER: Final = (408, 429)
_REFUSED: Final = (400, 413, 422)
_REDIRECTS: Final = "it redirects; use the URL that it redirects to"
_FORBIDDEN: Final = "a firewall or another server answers with a web page; check the URL"
_CHECK_URL: Final = "check the URL"


def judge(answer: Answer) -> Verdict:
    """What an answer means."""
    status = answer.status
    if 200 <= status < 300:
        if _is_page(answer):
            title = _title(answer.body)
            reason = f"{status} with a web page" + (f": {title}" if title else "")
            advice = "a login page or another server answers; check the URL"
            return Verdict("held", reason, advice, may_be_poison=True)
        return Verdict("taken")
    reason = _reason(answer)
    if status in _LATER or status >= 500:
        return Verdict("later", reason, retry_after=_retry_after(answer), may_be_poison=status >= 500)
    if status in _REFUSED:
        return Verdict("refused", reason, is_too_large=status == 413)
    if status == 415:
        return Verdict("not compressed", reason, _ADVICE[415])
    if 300 <= status < 400:
        return Verdict("held", reason, _redirected(answer))
    advice = _FORBIDDEN if status == 403 and _is_page(answer) else _ADVICE.get(status, _CHECK_URL)
    return Verdict("held", reason, advice, may_be_poison=status == 403)


def failure(error: NoAnswerError) -> Verdict:
    """What it means that there was no answer."""
    if error.trouble == "tls":
        return Verdict("held", str(error), "check the URL, TCC_CERTIFICATE and this machine's certificates")
    if error.trouble == "proxy":
        return Verdict("held", str(error), "check TCC_PROXY")
    if error.trouble == "closed":
        return Verdict("stopped", str(error))
    is_slow = error.trouble == "timed out" and error.was_connected
    return Verdict(
        "later",
        str(error),
        is_too_large=is_slow,  # for the line: what has no time to arrive whole arrives in parts
        may_be_poison=is_slow or error.trouble == "broken",
        is_answer=False,
        is_absent=error.trouble == "refused",
    )


def _is_page(answer: Answer) -> bool:
    """Whether people are meant to see it. Without markup, HTML is what frameworks call an answer that has no type."""
    kind = answer.headers.get_content_type() if "content-type" in answer.headers else ""
    start = answer.body[:512].lstrip().lower()
    return (kind == "text/html" and b"<" in start) or start.startswith((b"<!doctype html", b"<html"))


def _reason(answer: Answer) -> str:
    """The status and what the server says about it."""
    status = f"{answer.status} {legible(answer.reason)}".strip()
    text = _title(answer.body) if _is_page(answer) else _printable(answer.body[:4096])
    return f"{status}: {text}" if text and text != status else status


def _title(page: bytes) -> str:
    """What a web page is about."""
    title = re.search(rb"<title[^>]*>([^<]*)", page[:4096], re.IGNORECASE)
    return legible(unescape(_printable(title[1]))) if title else ""


def _printable(body: bytes) -> str:
    """The text in an error's body, which OTLP servers wrap into a small protobuf message."""
    runs: list[str] = re.findall(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]{4,}", body.decode(errors="replace"))
    return legible(max(runs, key=len, default=""))


def legible(text: str) -> str:
    """What others said, on one line, not too long, and without what would move about on a terminal."""
    text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"


def _redirected(answer: Answer) -> str:
    try:
        place = urlsplit(answer.headers.get("location", ""))
    except ValueError:
        return _REDIRECTS
    host = place.netloc.rpartition("@")[2]
    return f"it redirects; is {legible(f'{place.scheme}://{host}{place.path}')} the right URL?" if host else _REDIRECTS


def _retry_after(answer: Answer) -> float | None:
    """https://www.rfc-editor.org/rfc/rfc9110#field.retry-after: seconds or a date; anything else is as if not there."""
    value = answer.headers.get("retry-after", "").strip()
    try:
        seconds = float(value) if value.isdecimal() else parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(seconds, MAX_DELAY_S) if seconds > 0 else None
