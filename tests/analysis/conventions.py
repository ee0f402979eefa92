"""What every answer must keep to: blocks and heads count from 0, lengths say in which pixels.

Blocks and heads are those of a state dict; pixels those of the picture or of the network's input.
"""

from __future__ import annotations

import re

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter

from analysis.questions.answer import Answer
from uniformer.segmenter import Segmenter

BLOCK_NAME = re.compile(r"[1-4]\.\d+")
MENTION = re.compile(r"\b(block|head) (\d+)", re.IGNORECASE)


ARRAY = re.compile(r"stage(\d)_block(\d+)")
UNIT = re.compile(r"(picture|input)(_size)?_px$")


def keys_of(value: object) -> set[str]:
    """Return the names of all values of an answer, at any depth."""
    if isinstance(value, dict):
        return set(map(str, value)).union(*map(keys_of, value.values()))
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    return set()


def assert_units_named(answer: Answer) -> None:
    """Check that whatever is measured in pixels says in which."""
    names = {*keys_of(answer.numbers), *keys_of(answer.tables), *answer.arrays}
    assert [name for name in names if "px" in name and not UNIT.search(name)] == []
    if " px" in answer.sentence:
        assert "px of the picture" in answer.sentence


def texts_of(figure: Figure) -> list[str]:
    """Return every text of a figure: titles, captions, labels, legends, ticks that are words."""
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(Text) if text.get_text().strip()]


def mentioned(texts: list[str]) -> dict[str, set[int]]:
    """Return the numbers of blocks and heads that texts mention."""
    found: dict[str, set[int]] = {"block": set(), "head": set()}
    for text in texts:
        for what, number in MENTION.findall(text):
            found[what.lower()].add(int(number))
    return found


def assert_counted_from_0(answer: Answer, model: Segmenter) -> None:
    """Check every table, array, sentence and tick of an answer about a model."""
    depths = dict(enumerate(model.config.backbone.depths, start=1))
    said = [answer.title, answer.sentence, str(answer.numbers), *texts_of(answer.figure())]
    heads = model.backbone.blocks3[0].attn.heads
    for what, count in (("block", max(depths.values())), ("head", heads)):
        assert mentioned(said)[what] <= set(range(count)), what
    arrays: dict[int, set[int]] = {}
    for name in answer.arrays:
        if found := ARRAY.match(name):
            arrays.setdefault(int(found[1]), set()).add(int(found[2]))
    for stage, blocks in arrays.items():  # all of a stage, or its last one
        assert blocks in (set(range(depths[stage])), {depths[stage] - 1}), stage
    names = {f"{stage}.{block}" for stage, depth in depths.items() for block in range(depth)}
    for title, rows in answer.tables.items():
        blocks = [(row["stage"], row["block"]) for row in rows if "block" in row]
        for row in rows:
            if "block" in row:
                assert row["block"] in range(depths[row["stage"]]), title
                assert row.get("name") in (None, f"{row['stage']}.{row['block']}"), title
            if "head" in row:
                # A convolution counts as a single head.
                heads = getattr(model.backbone.stage(row["stage"])[1][0].attn, "heads", 1)
                assert row["head"] == "mean" or row["head"] in range(heads), title
        if title in ("blocks", "heads") and len(set(blocks)) > 1:
            assert {block for stage, block in blocks if stage == 3} == set(range(depths[3])), title
    for axes in answer.figure().axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), FixedFormatter):
                ticks = {tick.get_text() for tick in axis.get_ticklabels()}
                named = {tick for tick in ticks if BLOCK_NAME.fullmatch(tick)}
                assert not named or named == names
