"""Replaces secrets in text.

No pattern backtracks without bound: a megabyte of near misses takes linear time.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["REDACTED", "is_secret", "without_secrets"]

REDACTED = "[REDACTED]"
"""Stands where a secret was."""


# --- secrets ---------------------------------------------------------------------------------------------------------

_HINTS = (
    *("://", "bearer", "basic", "key", "token", "secret", "passw", "passphrase", "pwd", "auth", "credential"),
    *("sk-", "pk-", "sk_", "rk_", "xox", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "hf_"),
    *("npm_", "whsec_", "sg.", "ya29.", "xai-", "pplx-", "tvly-", "akia", "asia", "aiza", "eyj", "-----begin"),
    "hooks.slack",
)
"""Text in which none of these occurs holds none of the below; one by one they are found quicker than by a pattern."""

_NAME = (
    r"(?:api[\s_-]?key|access[\s_-]?key|secret[\s_-]?key|private[\s_-]?key|signing[\s_-]?key|token|secret|passphrase|"
    r"passw(?:or)?d|passwd|pwd|credential)s?"
)
"""How the names of secrets end, in code, JSON and environment variables."""

_SECRET_NAME = rf"(?i)(?:{_NAME}|authorization)\s*"

_LONGEST_NAME = 200

_COUNT = r"""(?i)tokens?["'`\\\s:=>]*[0-9]{1,9}"""
"""A number of tokens, which is no token."""


def _without_assigned(found: re.Match[str]) -> str:
    if re.fullmatch(_COUNT, found[0]):
        return found[0]
    quote = found[3] or found[4] or found[5] or found[6] or ""
    return f"{found[1]}{found[2]}{quote}{REDACTED}"


@functools.cache
def _secrets() -> list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]]:
    """What secrets look like, and what stands in their place. Compiled by the first text that may hold one."""
    return [(re.compile(pattern), replacement) for pattern, replacement in _SECRETS]


_SECRETS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    # PEM blocks
    (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", REDACTED),
    # scheme://user:password@host, scheme://token@host
    (r"(://[^/\s:@]{0,200}:)(?!\[REDACTED)[^/\s\"'<>?#]{1,400}@", rf"\1{REDACTED}@"),
    (r"(://)[\w.~+%-]{16,400}@", rf"\1{REDACTED}@"),
    (r"(hooks\.slack\.com/(?:services|workflows)/)[\w/-]{8,}", rf"\1{REDACTED}"),
    # Authorization: Bearer …, Basic …, and any other scheme
    (
        r"""(?ix) (\bauthorization\\{0,8}["']?\s{0,20}[:=]\s{0,20}\\{0,8}["']?)
        (?!\[REDACTED|(?:bearer|basic|token|digest)\s+\[REDACTED)
        ((?:bearer|basic|token|digest)\s+)?[^\s"'\\,;]+""",
        lambda found: f"{found[1]}{found[2] or ''}{REDACTED}",
    ),
    (
        r"\b((?i:bearer|basic))\s+(?=[\w.~+/=-]+[A-Z]|[\w.~+/=-]*[0-9_~+=]|[\w.~+/=-]{24})[\w.~+/=-]{8,}",
        rf"\1 {REDACTED}",
    ),
    # key = value, "key": "value", key=value&…, and the same in JSON that is text inside JSON
    (
        rf"""(?ix) ({_NAME}) (\\{{0,8}}["'`]?\s{{0,20}}(?:=>|:=|[:=])\s{{0,20}})
        (?!\\{{0,8}}["'`]?(?:\[REDACTED|(?:str|string|int|number|none|null|true|false|undefined)\b))
        (?: (")(?:\\.|[^"\\\n]){{1,4096}}(?=")
          | (')(?:\\.|[^'\\\n]){{1,4096}}(?=')
          | (\\{{1,8}}["'])[^"'\\\n]{{1,4096}}
          | (["'`]?)(?:[^\s"'`,;&)}}\]\\]|\\(?!\\{{0,8}}["']))+
        )""",
        _without_assigned,
    ),
    (rf"(?i)(--{_NAME})(\s+)(?!\[REDACTED|-)[^\s\"',;]+", rf"\1\2{REDACTED}"),
    # Keys that tell by their form: OpenAI, Anthropic, Langfuse, Stripe, Groq; Slack; GitHub; GitLab; Hugging Face; npm;
    # SendGrid; Google; xAI, Perplexity, Tavily; AWS; JSON web tokens.
    (r"\b[sp]k-[\w-]{16,}|\b[sr]k_(?:live|test)_\w{16,}|\bwhsec_\w{16,}|\bgsk_\w{16,}", REDACTED),
    (r"\bxox[abeoprs]-[\w-]{10,}", REDACTED),
    (r"\bgh[pousr]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}", REDACTED),
    (r"\bhf_[A-Za-z0-9]{16,}|\bnpm_[A-Za-z0-9]{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,}", REDACTED),
    (r"\b(?:xai|pplx|tvly)-[\w-]{20,}", REDACTED),
    (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", REDACTED),
    (r"\bAIza[\w-]{35}|\bya29\.[\w-]{16,}", REDACTED),
    (r"\beyJ[\w-]{8,600}\.[\w-]{8,8000}\.[\w-]*", REDACTED),
)


def without_secrets(text: str) -> str:
    """The same text with API keys, tokens, passwords and private keys replaced by `[REDACTED]`."""
    lowered = text.lower()
    if not any(hint in lowered for hint in _HINTS):
        return text
    for pattern, replacement in _secrets():
        text = pattern.sub(replacement, text)
    return text


def is_secret(name: str, value: object) -> bool:
    """Whether a value is a secret because of its name, as in `password`, `OPENAI_API_KEY`, `client_secret`.

    A number of tokens is none, nor are truth values and structures.
    """
    if not value or type(value) not in (str, int, float) or len(name) > _LONGEST_NAME:
        return False
    if not any(found.end() == len(name) for found in re.finditer(_SECRET_NAME, name)):
        return False
    return not re.fullmatch(_COUNT, f"{name[-6:]}:{value}")
