"""What can be replaced in all content, on request: secrets, e-mail addresses, phone and card numbers.

No pattern backtracks without bound: a megabyte of near misses takes linear time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from contextcompany._redaction import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DETECTORS"]

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
