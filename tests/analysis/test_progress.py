"""Long work tells its progress, returns its result, and is closed however it ends."""

import pytest
from steps import told

from analysis.core.progress import Progress, counted, finish, part_of, relay


class Work:
    """Work of ``total`` steps that notes how it ended."""

    def __init__(self, total=2):
        self.total, self.closed = total, False

    def __call__(self):
        try:
            for done in range(1, self.total + 1):
                yield Progress(done, self.total)
            return "found"
        finally:
            self.closed = True


def test_the_result_is_what_the_work_returns_and_progress_is_told_in_between():
    heard = []
    assert finish(Work()(), lambda *step: heard.append(step)) == "found"
    assert heard == [(1, 2), (2, 2)]


def refuse(*_):
    raise ValueError("Enough.")


@pytest.mark.parametrize(
    "run",
    [
        lambda work: finish(work, refuse),
        lambda work: finish(part_of(work, 0, 2), refuse),
        lambda work: finish(relay(work, refuse)),
    ],
)
def test_whoever_listens_can_stop_the_work_which_is_closed_at_once(run):
    work = Work()
    with pytest.raises(ValueError, match="Enough"):
        run(work())
    assert work.closed


def test_parts_and_steps_add_up_and_what_is_made_none_is_not_told():
    assert told(part_of(Work()(), 1, 2)) == ([Progress(1500, 2000), Progress(2000, 2000)], "found")
    assert told(counted(Work()(), 3, 5)) == ([Progress(4, 5), Progress(5, 5)], "found")
    assert told(relay(Work()(), lambda step: step.done if step.done > 1 else None)) == (
        [2],
        "found",
    )
