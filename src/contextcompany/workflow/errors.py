"""What goes wrong in a declared step."""

__all__ = ["StepError", "StepTimeoutError", "StepValidationError"]


class StepError(Exception):
    """A step cannot do what it declares. The message names the step. What a client or a tool raises is not wrapped."""


class StepTimeoutError(StepError, TimeoutError):
    """A step took longer than its `StepConfig.timeout`."""


class StepValidationError(StepError, ValueError):
    """What the model answered is not what `return_type` says. The message names each field that is wrong, and why."""
