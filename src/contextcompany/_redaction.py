"""Replaces what must not travel in text: secrets and, on request, e-mail addresses, phone and card numbers.

No pattern backtracks without bound: a megabyte of near misses takes linear time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DETECTORS", "REDACTED", "is_secret", "without_secrets"]

REDACTED = "[REDACTED]"
"""Stands where a secret was."""


# --- secrets ---------------------------------------------------------------------------------------------------------

_HINTS = (
    *("://", "bearer", "basic", "key", "token", "secret", "passw", "passphrase", "pwd", "auth", "credential"),
    *(
        "sk-",
        "pk-",
        "sk_",
        "rk_",
        "xox",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "hf_",
        "npm_",
    ),
    *("whsec_", "sg.", "ya29.", "xai-", "pplx-", "tvly-", "akia", "asia", "aiza", "eyj", "-----begin", "hooks.slack"),
)
"""Text in which none of these occurs holds none of the below; one by one they are found quicker than by a pattern."""

_NAME = (
    r"(?:api[\s_-]?key|access[\s_-]?key|secret[\s_-]?key|private[\s_-]?key|signing[\s_-]?key|token|secret|passphrase|"
    r"passw(?:or)?d|passwd|pwd|credential)s?"
)
"""How the names of secrets end, in code, JSON and environment variables."""

_SECRET_NAME = re.compile(rf"(?:{_NAME}|authorization)\s*", re.IGNORECASE)

_LONGEST_NAME = 200

_COUNT = re.compile(r"""(?i:tokens?)["'`\\\s:=>]*[0-9]{1,9}""")
"""A number of tokens, which is no token."""

_ASSIGNED = re.compile(
    rf"""({_NAME}) (\\{{0,8}}["'`]?\s{{0,20}}(?:=>|:=|[:=])\s{{0,20}})
    (?!\\{{0,8}}["'`]?(?:\[REDACTED|(?:str|string|int|number|none|null|true|false|undefined)\b))
    (?: (")(?:\\.|[^"\\\n]){{1,4096}}(?=")
      | (')(?:\\.|[^'\\\n]){{1,4096}}(?=')
      | (\\{{1,8}}["'])[^"'\\\n]{{1,4096}}
      | (["'`]?)(?:[^\s"'`,;&)}}\]\\]|\\(?!\\{{0,8}}["']))+
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""key = value, "key": "value", key=value&…, and the same in JSON that is text inside JSON."""


def _without_assigned(found: re.Match[str]) -> str:
    if _COUNT.fullmatch(found[0]):
        return found[0]
    quote = found[3] or found[4] or found[5] or found[6] or ""
    return f"{found[1]}{found[2]}{quote}{REDACTED}"


_SECRETS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # PEM blocks
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), REDACTED),
    # scheme://user:password@host, scheme://token@host
    (re.compile(r"(://[^/\s:@]{0,200}:)(?!\[REDACTED)[^/\s\"'<>?#]{1,400}@"), rf"\1{REDACTED}@"),
    (re.compile(r"(://)[\w.~+%-]{16,400}@"), rf"\1{REDACTED}@"),
    (re.compile(r"(hooks\.slack\.com/(?:services|workflows)/)[\w/-]{8,}"), rf"\1{REDACTED}"),
    # Authorization: Bearer …, Basic …, and any other scheme
    (
        re.compile(
            r"""(\bauthorization\\{0,8}["']?\s{0,20}[:=]\s{0,20}\\{0,8}["']?)
            (?!\[REDACTED|(?:bearer|basic|token|digest)\s+\[REDACTED)
            ((?:bearer|basic|token|digest)\s+)?[^\s"'\\,;]+""",
            re.IGNORECASE | re.VERBOSE,
        ),
        lambda found: f"{found[1]}{found[2] or ''}{REDACTED}",
    ),
    (
        re.compile(r"\b((?i:bearer|basic))\s+(?=[\w.~+/=-]+[A-Z]|[\w.~+/=-]*[0-9_~+=]|[\w.~+/=-]{24})[\w.~+/=-]{8,}"),
        rf"\1 {REDACTED}",
    ),
    (_ASSIGNED, _without_assigned),
    (re.compile(rf"(--{_NAME})(\s+)(?!\[REDACTED|-)[^\s\"',;]+", re.IGNORECASE), rf"\1\2{REDACTED}"),
    # Keys that tell by their form: OpenAI, Anthropic, Langfuse, Stripe, Groq; Slack; GitHub; GitLab; Hugging Face; npm;
    # SendGrid; Google; xAI, Perplexity, Tavily; AWS; JSON web tokens.
    (re.compile(r"\b[sp]k-[\w-]{16,}|\b[sr]k_(?:live|test)_\w{16,}|\bwhsec_\w{16,}|\bgsk_\w{16,}"), REDACTED),
    (re.compile(r"\bxox[abeoprs]-[\w-]{10,}"), REDACTED),
    (re.compile(r"\bgh[pousr]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}"), REDACTED),
    (re.compile(r"\bhf_[A-Za-z0-9]{16,}|\bnpm_[A-Za-z0-9]{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,}"), REDACTED),
    (re.compile(r"\b(?:xai|pplx|tvly)-[\w-]{20,}"), REDACTED),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), REDACTED),
    (re.compile(r"\bAIza[\w-]{35}|\bya29\.[\w-]{16,}"), REDACTED),
    (re.compile(r"\beyJ[\w-]{8,600}\.[\w-]{8,8000}\.[\w-]*"), REDACTED),
)


def without_secrets(text: str) -> str:
    """The same text with API keys, tokens, passwords and private keys replaced by `[REDACTED]`."""
    lowered = text.lower()
    if not any(hint in lowered for hint in _HINTS):
        return text
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def is_secret(name: str, value: object) -> bool:
    """Whether a value is a secret because of its name, as in `password`, `OPENAI_API_KEY`, `client_secret`.

    A number of tokens is none, nor are truth values and structures.
    """
    if not value or type(value) not in (str, int, float) or len(name) > _LONGEST_NAME:
        return False
    if not any(found.end() == len(name) for found in _SECRET_NAME.finditer(name)):
        return False
    return not _COUNT.fullmatch(f"{name[-6:]}:{value}")


# --- what is personal, on request ------------------------------------------------------------------------------------

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")


def _without_emails(text: str) -> str:
    return _EMAIL.sub("[REDACTED email]", text) if "@" in text or "%40" in text else text


_DIGITS = re.compile(r"[0-9]{3}")

_PHONE = re.compile(
    r"""(?<![\w+.-]) (?:
      \+[1-9][0-9]{0,2} (?:[ .-]?\([0-9]{1,5}\)[ .-]?)? (?:[ ./-]?[0-9]){5,12}  # +49 30 901820, +1 (415) 555-2671
    | \([2-9][0-9]{2}\)\ ?[2-9][0-9]{2}[ .-][0-9]{4}          # (415) 555-2671
    | [2-9][0-9]{2}([.-])[2-9][0-9]{2}\1[0-9]{4}              # 415-555-2671
    | \(0[0-9]{1,5}\)\ ?[0-9]{2,8}(?:[ -][0-9]{2,5})?          # (030) 901820
    | 0[1-9][0-9]{1,4}/\ ?[0-9]{5,8}                          # 030/901820
    ) (?![\w+]|[.:/-][0-9])""",
    re.VERBOSE,
)
_SIGNED = re.compile(r"\+(?:[0-9]{1,9}|[0-9]+\.[0-9]+)")
"""A number with a sign is no phone number."""


def _without_phones(text: str) -> str:
    return _PHONE.sub(_phone, text) if _DIGITS.search(text) else text


def _phone(found: re.Match[str]) -> str:
    return found[0] if _SIGNED.fullmatch(found[0]) else "[REDACTED phone]"


_CARD = re.compile(
    r"""(?<![\w+])(?<![0-9][.,]) (?:
      [2-6][0-9]{12,18}
    | [2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?
    | 3[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5}
    ) (?!-?\w)(?![.,][0-9])""",
    re.VERBOSE,
)
_ISSUERS = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    r"|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}"  # American Express, Diners Club
    r"|(?:6011|64[4-9][0-9]|65[0-9]{2}|62[0-9]{2}|35[2-8][0-9])[0-9]{12,15}"  # Discover, UnionPay, JCB
    r"|(?:50[0-9]{2}|5[6-8][0-9]{2}|6[0-9]{3})[0-9]{9,15}"  # Maestro
)


def _without_cards(text: str) -> str:
    return _CARD.sub(_card, text) if _DIGITS.search(text) else text


def _card(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    return "[REDACTED card]" if _ISSUERS.fullmatch(digits) and _luhn(digits) else found[0]


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[-1::-2]) + sum(n - 9 if n > 9 else n for n in doubled)) % 10 == 0


DETECTORS: Mapping[str, Callable[[str], str]] = {
    "secrets": without_secrets,
    "emails": _without_emails,
    "phones": _without_phones,
    "cards": _without_cards,
}
"""Each detector's name in the settings, and what it does to text. Each may run on its own result."""
