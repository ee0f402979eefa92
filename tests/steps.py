"""What some work told on its way, beside what it found."""

from analysis.core.progress import finish, relay


def told(work):
    """Return the steps that ``work`` yields, as a list, and its result."""
    steps = []

    def noted(step):
        steps.append(step)
        return step

    return steps, finish(relay(work, noted))
