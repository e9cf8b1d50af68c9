"""Replaces what looks like a secret in text that nobody meant to hold one: status and exception messages."""

import re

__all__ = ["REDACTED", "without_secrets"]

REDACTED = "[REDACTED]"
"""Stands where a secret was."""

_QUICK = re.compile(
    r"://|bearer|basic|sk-|pk-|xox|gh[pousr]_|github_pat_|akia|asia|aiza|eyj|-----begin|"
    r"key|token|secret|passw|pwd|auth|credential",
    re.IGNORECASE,
)
"""Text in which none of this occurs holds none of the below; most does not."""

_SECRETS = (
    # scheme://user:password@host
    (re.compile(r"(://[^/\s:@]{0,200}:)[^@/\s]{1,400}@"), rf"\1{REDACTED}@"),
    # Authorization: Bearer …, Basic …
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    # key = value, "key": "value", key=value&…
    (
        re.compile(
            r"""((?:api[_-]?key|access[_-]?key|private[_-]?key|token|secret|passw(?:or)?d|passwd|pwd|credential)s?)
            (["']?\s*[:=]\s*["']?)(?!\[REDACTED)[^\s"',;&)}\]]+""",
            re.IGNORECASE | re.VERBOSE,
        ),
        rf"\1\2{REDACTED}",
    ),
    # Keys that tell by their form: OpenAI, Anthropic, Stripe; Slack; GitHub; AWS; Google; JSON web tokens.
    (re.compile(r"\b[sp]k-[\w-]{16,}|\b[sr]k_(?:live|test)_\w{16,}"), REDACTED),
    (re.compile(r"\bxox[abeoprs]-[\w-]{10,}"), REDACTED),
    (re.compile(r"\bgh[pousr]_\w{16,}|\bgithub_pat_\w{16,}"), REDACTED),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), REDACTED),
    (re.compile(r"\bAIza[\w-]{35}"), REDACTED),
    (re.compile(r"\beyJ[\w-]{8,300}\.[\w-]{8,4000}\.[\w-]*"), REDACTED),
    # PEM blocks
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), REDACTED),
)


def without_secrets(text: str) -> str:
    """The same text with API keys, tokens, passwords and private keys replaced by `[REDACTED]`."""
    if not _QUICK.search(text):
        return text
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
