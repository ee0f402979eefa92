"""The one exception of this package."""


class AnalysisError(ValueError):
    """A question that cannot be answered; the message is one sentence for the user."""
