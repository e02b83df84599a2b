"""Errors a user can act on. Every one names what is wrong, where, and the remedy."""


class PosebenchError(Exception):
    """Base of every error that posebench raises on purpose.

    Attributes:
        remedy: What the user can do about it, one sentence, or ``""``.
        exit_code: The process exit code that the command line maps the error to.
    """

    exit_code = 2

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} {self.remedy}".rstrip()


class InputError(PosebenchError):
    """A file, option or value given by the user is wrong."""


class UnknownModelError(InputError):
    """No registered model has that name."""


class MissingExtraError(PosebenchError):
    """An optional dependency is not installed.

    Attributes:
        extra: The pip extra that brings it (``posebench[extra]``).
    """

    exit_code = 3

    def __init__(self, message: str, *, extra: str) -> None:
        super().__init__(message, remedy=f"Install it with: pip install 'posebench[{extra}]'")
        self.extra = extra


class WeightsError(InputError):
    """Weights are missing, have the wrong checksum, or may not be loaded."""


class BoxesMissingError(InputError):
    """Nothing says where a top-down model gets its boxes from."""


class WeightsUnavailableError(WeightsError):
    """Nobody publishes the weights, or they cannot be fetched from here."""


class SchemaError(InputError):
    """A results file does not have the schema that this version reads."""


class NewerSchemaError(SchemaError):
    """A results file was written by a newer posebench."""


class IncomparableError(PosebenchError):
    """Two results do not tell anything about each other's figures."""

    exit_code = 4


class PredictionsMissingError(IncomparableError):
    """A result has figures, but not what they were computed from."""
