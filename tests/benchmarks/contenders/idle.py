"""Nothing at all: what the measuring itself costs."""

from contenders import Prepared


def idle(url: str) -> Prepared:
    return Prepared(lambda messages: None, lambda: None)
