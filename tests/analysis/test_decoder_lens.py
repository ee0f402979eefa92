"""What the decoder reads after each block is the network with the later blocks left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.core.activation_cache import trace
from analysis.core.errors import AnalysisError
from analysis.core.progress import finish
from analysis.interventions.decoder_lens import decoder_lens
from analysis.questions import QUESTIONS

X, Y = 70, 20


def lively(model):
    """Let the logits differ from place to place and from block to block."""
    model.decode_head.conv_seg.weight.mul_(30)


@pytest.fixture
def traced(tiny, picture):
    return trace(tiny(edit=lively), picture(), short_side=64)


def ended_after(model, x, stage, block):
    """Return the logits of the network itself, its lists of blocks cut behind one block."""
    maps = []
    for number in range(1, 5):
        embed, blocks, norm = model.backbone.stage(number)
        kept = len(blocks) if number < stage else block + 1 if number == stage else 0
        x = embed(x)
        for each in blocks[:kept]:
            x = each(x)
        maps.append(norm(x))
    return model.decode(tuple(maps))


def test_each_end_is_the_network_cut_behind_its_block(tiny, picture):
    from uniformer.preprocess import preprocess

    model, image = tiny(edit=lively), picture()
    traced = trace(model, image, short_side=64)
    ends = finish(decoder_lens(traced))
    x = preprocess(image, 64, model.config.size_divisor).to(model.dtype)
    assert [end.place.name for end in ends] == ["1.0", "2.0", "3.0", "3.1", "3.2", "3.3", "4.0"]
    with torch.inference_mode():
        for end in ends:
            torch.testing.assert_close(end.trace.logits, ended_after(model, x, *end.place))


def test_the_last_end_is_the_prediction_itself(traced):
    last = finish(decoder_lens(traced))[-1]
    assert torch.equal(last.trace.logits, traced.logits)
    assert last.same_share == 1
    assert last.kl_nats == 0
    np.testing.assert_array_equal(last.trace.labels, traced.labels)


def test_the_question_tells_from_which_block_on_nothing_changes_any_more(tiny, picture):
    model, image = tiny(edit=lively), picture()
    asked = QUESTIONS["decoder-lens"]
    answer = finish(asked(model, image, x=X, y=Y, stage=3, block=1, short_side=64))
    rows, numbers = answer.tables["blocks"], answer.numbers
    names = [row["name"] for row in rows]
    traced = trace(model, image, short_side=64)
    assert numbers["class"] == model.classes.names[traced.labels[Y, X]] == rows[-1]["class"]
    settled = names.index(numbers["pixel_settled_after"])
    assert all(row["class"] == numbers["class"] for row in rows[settled:])
    assert settled == 0 or rows[settled - 1]["class"] != numbers["class"]
    settled = names.index(numbers["picture_settled_after"])
    assert all(row["same_share"] >= 0.9 for row in rows[settled:])
    assert settled == 0 or rows[settled - 1]["same_share"] < 0.9
    cells = answer.arrays["best_class_of_cells"]
    assert numbers["one_class_same_share"] == np.bincount(cells[-1].ravel()).max() / cells[-1].size
    end = finish(decoder_lens(traced))[names.index("3.1")]
    np.testing.assert_array_equal(answer.arrays["labels_after"], end.trace.labels)
    assert rows[-1]["probability"] == traced.probabilities(X, Y).max()


def test_a_block_that_there_is_not_is_refused_in_one_sentence(tiny, picture):
    asked = QUESTIONS["decoder-lens"](tiny(), picture(), x=X, y=Y, stage=2, block=1, short_side=64)
    with pytest.raises(
        AnalysisError, match=r"^There is no block 1 in stage 2: its blocks are 0 to 0\.$"
    ):
        finish(asked)
