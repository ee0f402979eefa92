"""How an endpoint says no: one sentence, and a status for those who read statuses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ui.host import metrics
from ui.host.middleware import NO_ROOM
from ui.messages import page as text
from uniformer.weights import WeightsError

NO_WEIGHTS = "The weights of this model cannot be had here: choose another that models lists."

LOG = logging.getLogger(__name__)


class Refusal(Exception):
    """One sentence for whoever asked; ``status`` is that of HTTP."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.sentence, self.status = sentence, status


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Turn whatever fails into a :class:`Refusal`; what was nobody's mistake is logged.

    What ends well and what fails is counted under ``name``.
    """
    try:
        with metrics.measured(f"api {name}"):
            yield
    except WeightsError as error:
        LOG.warning("%s", error)
        raise Refusal(NO_WEIGHTS, 422) from None
    except ValueError as error:
        raise Refusal(" ".join(str(error).split()), 422) from None
    except Exception as error:
        LOG.exception("An endpoint failed.")
        if getattr(error, "errno", None) in NO_ROOM:
            raise Refusal(text.NO_ROOM, 507) from None
        raise Refusal(text.SERVER_FAILED, 500) from None
