"""What this package raises into the host program, and when.

ContextCompanyError
├── ConfigurationError (also a ValueError)
├── IncompleteError (also a ValueError)
├── EndedError (also a RuntimeError)
└── TokenError (also a ValueError)

Nothing else of ours is raised while recording: what goes wrong there is logged and counted.
"""

__all__ = ["ConfigurationError", "ContextCompanyError", "EndedError", "IncompleteError", "TokenError"]


class ContextCompanyError(Exception):
    """The base of everything this package raises; never raised itself."""


class ConfigurationError(ContextCompanyError, ValueError):
    """A setting is wrong.

    Raised by `configure()` and by constructors that take settings. The message names the argument or the
    environment variable and says what to do; it never contains an API key or the value of a header.
    """


class IncompleteError(ContextCompanyError, ValueError):
    """Something required is missing.

    Raised by `.end()` when the prompt, the response or the name it requires was never given, and by
    feedback that has neither a score nor a text. A `with` block and a decorator never raise it: what is
    missing is recorded as missing.
    """


class EndedError(ContextCompanyError, RuntimeError):
    """A call came too late.

    Raised by every method of a run, step or tool call on which `.end()` or `.error()` was already called, and of a run
    on which `.suspend()` was.
    """


class TokenError(ContextCompanyError, ValueError):
    """A suspended run cannot be continued.

    Raised by `resume()` when the text is no token of `Run.suspend()`, is of another version, or is not signed with the
    `signing_key` that is configured. The message never contains the token.
    """
