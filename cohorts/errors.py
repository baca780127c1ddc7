"""The errors a user may meet; every message says what was expected, what came and what to do next."""


class PlausibrainError(Exception):
    """Base of every error that this project raises on purpose."""


class DataError(PlausibrainError):
    """A file, table or value that cannot be used as it is."""


class MeasurementError(PlausibrainError):
    """A quantity that cannot be measured on this image, table or sample."""


class ToolError(PlausibrainError):
    """An external program, an optional package or a plug-in that is missing or broken."""
