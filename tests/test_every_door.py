"""Every question gives the same answer through every door, and questions agree with each other.

Whatever Python finds, the command line, REST, MCP and the page hand out bit for bit: title,
sentence, grade, numbers and tables. And where two questions tell of the same thing, they tell the
same number.
"""

import json
import shlex

import numpy as np
import pytest
from endpoints import call_tool, data_url, endpoints, mcp_session, photo
from gradio_client import Client, handle_file

import analysis.cli.main
import uniformer
from analysis import QUESTIONS, finish
from analysis.questions import answer as answers
from ui.host.settings import Settings
from ui.service.actions import Actions
from ui.service.jobs import Job, StoredAnswer, run
from ui.service.snippets import command_snippet

AT = {"x": 70, "y": 31, "short_side": 64}
BLOCK = {"stage": 3, "block": 5}
WHAT_IF = AT | {"region": "segment", "seed": 3}

ASKED = {
    "probe": ("probe", AT | {"head": 1}),
    "affinity": ("affinity", AT | BLOCK | {"head": 1}),
    "jacobian": ("jacobian", AT | BLOCK),
    "profile": ("profile", {"short_side": 64, "nulls": True}),
    "rollout": ("rollout", AT),
    "receptive-field": ("receptive-field", AT | {"probes": 4}),
    "similarity": ("similarity", AT),
    "representation": ("representation", {"short_side": 64}),
    "pruning": ("pruning", {"short_side": 64}),
    "decoder-lens": ("decoder-lens", AT | BLOCK),
    "attribute": ("attribute", AT | {"method": "layer-cam"}),
    "attributions": ("attributions", AT | {"methods": "layer-cam,eigen-cam"}),
    "faithfulness": (
        "faithfulness", AT | {"methods": "layer-cam,eigen-cam", "steps": 1},
    ),
    "compare": ("compare", {"short_side": 64, "other_reach": "window"}),
    "head": ("what-if", WHAT_IF | BLOCK | {"kind": "silence-head", "head": 1}),
    "heads": ("what-if", WHAT_IF | {"kind": "head-sweep"}),
    "near": ("what-if", WHAT_IF | {"kind": "neighbourhood", "stage": 3, "size": 1}),
    "nears": ("what-if", WHAT_IF | {"kind": "radius-curve", "stage": 3}),
    "window": ("what-if", WHAT_IF | {"kind": "window", "stage": 3, "size": 2}),
    "windows": ("what-if", WHAT_IF | {"kind": "reach-cost"}),
}  # fmt: skip
"""All questions once, and series beside the one change that they hold too."""


def plain(content):
    """Return what an answer says, without how long it took and with which versions."""
    if isinstance(content, dict):
        return {key: plain(value) for key, value in content.items() if "seconds" not in key}
    return [plain(each) for each in content] if isinstance(content, list) else content


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    return photo(tmp_path_factory.mktemp("photo"))


@pytest.fixture(scope="module", autouse=True)
def figures_unseen():
    """Draw nothing: figures are not what is compared here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "drawing", lambda figure, kind: lambda file: file.write(b"figure"))
        yield


@pytest.fixture(scope="module")
def python(picture):
    """Return what Python answers, as parsed JSON by name."""
    model = uniformer.create_model("nano")
    found = {
        name: finish(QUESTIONS[question](model, picture, **given)).to_json()
        for name, (question, given) in ASKED.items()
    }
    return {name: json.loads(text) for name, text in found.items()}


@pytest.fixture(scope="module")
def page(picture):
    """Return what the page answers to the same, as its cards have it."""
    actions = Actions(Settings())
    shown = actions.open_photo(actions.first.selection, str(picture), picture.name).selection
    found = {}
    for name, (question, given) in ASKED.items():
        stored = finish(run(actions, Job(question, shown, given)))
        assert isinstance(stored, StoredAnswer)
        found[name] = stored.content
    return found


@pytest.fixture(scope="module")
def served(picture):
    """Return what REST and MCP answer."""
    with endpoints() as url:
        client = Client(url, verbose=False)
        sent = handle_file(str(picture))
        rest = {
            name: client.predict(picture=sent, api_name="/" + question.replace("-", "_"), **given)[
                0
            ]
            for name, (question, given) in ASKED.items()
        }

        async def visit(session):
            sent = {"picture": data_url(picture)}
            return {
                name: await call_tool(session, question.replace("-", "_"), sent | given)
                for name, (question, given) in ASKED.items()
            }

        mcp = mcp_session(url, visit)
    texts = {name: answer.content[0].text for name, answer in mcp.items()}
    return {"REST": rest, "MCP": {name: json.loads(text) for name, text in texts.items()}}


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, content in wanted.items():
        for part in ("question", "title", "sentence", "grade", "numbers", "tables"):
            assert plain(found[name][part]) == plain(content[part]), (name, part)
        assert found[name]["settings"]["parameters"] == content["settings"]["parameters"]


def test_all_questions_are_asked():
    assert {question for question, _ in ASKED.values()} == set(QUESTIONS)


@pytest.mark.parametrize("door", ["REST", "MCP"])
def test_a_server_answers_every_question_as_python_does(python, served, door):
    assert_same(served[door], python)


def test_the_page_answers_every_question_as_python_does(python, page):
    assert_same(page, python)


def test_the_command_that_the_page_shows_answers_as_the_page_does(python, page, picture, tmp_path):
    found = {}
    for name, (question, given) in ASKED.items():
        command = shlex.split(command_snippet(page[name]).replace("photo.jpg", str(picture)))
        assert command[:3] == ["python", "-m", "analysis"]
        for numbered in ("stage", "block", "head"):  # counted from 0 in options too
            if given.get(numbered) is not None:
                assert command[command.index(f"--{numbered}") + 1] == str(given[numbered])
        out = tmp_path / name
        assert analysis.cli.main.main([*command[3:], "--formats", "json", "-o", str(out)]) == 0
        found[name] = json.loads((out / f"{picture.stem}.{question}.json").read_text("utf-8"))
    assert_same(found, python)


def test_a_change_alone_is_told_as_in_the_series_that_holds_it(python):
    (silenced,) = (
        row
        for row in python["heads"]["tables"]["heads"]
        if (row["stage"], row["block"], row["head"]) == (3, 5, 1)
    )
    alone = python["head"]["numbers"]
    for key in ("margin_change_nats", "kl_nats", "size_share"):
        assert silenced[key] == alone[key]
    for one, series, (table, size), also in (
        ("near", "nears", ("radii", "radius_tokens"), {"radius_tokens": 1}),
        ("window", "windows", ("reaches", "window_tokens"), {"reach": "masked window"}),
    ):
        alone = python[one]["numbers"]
        wanted = {size: ASKED[one][1]["size"]} | also
        (row,) = (row for row in python[series]["tables"][table] if wanted.items() <= row.items())
        shared = row.keys() & alone.keys() - {"seconds"}
        assert shared >= {"kl_nats", "margin_change_nats", "control_kl_nats", "verdict"}
        assert {key: row[key] for key in shared} == {key: alone[key] for key in shared}


def test_questions_about_one_block_head_and_pixel_agree(python):
    probe, affinity = python["probe"], python["affinity"]
    (row,) = (row for row in probe["tables"]["blocks"] if row["name"] == "3.5")
    assert {key: affinity["numbers"][key] for key in row} == row
    (head,) = (one for one in affinity["tables"]["heads"] if one["head"] == 1)
    assert {key: head[key] for key in row} == row
    classes = [
        [one for one in python[name]["tables"]["classes"] if one["stage"] == 3]
        for name in ("probe", "affinity")
    ]
    assert classes[0] == classes[1]


def test_all_questions_name_the_same_class_and_the_same_areas(python, picture):
    result = uniformer.segment(picture, uniformer.create_model("nano"), short_side=64)
    name = result.classes.names[result.labels[AT["y"], AT["x"]]]
    named = {
        asked: content["numbers"][key]
        for asked, content in python.items()
        for key in ("label", "class", "class_before", "watched_class")
        if key in content["numbers"]
    }
    assert {"probe", "rollout", "receptive-field", "attribute", "faithfulness", "head"} <= set(
        named
    )
    assert set(named.values()) == {name}
    areas = {row.name: row.share for row in result.table()}
    before = {
        row["class"]: row["area_before_share"]
        for row in python["head"]["tables"]["classes"]
        if row["area_before_share"]
    }
    assert before == pytest.approx(areas)
    # Parts of the picture as tokens see them: the same in all that speak of a stage's tokens.
    uniform = {row["class"]: row["uniform_share"] for row in python["rollout"]["tables"]["classes"]}
    similar = {
        row["class"]: row["area_share"]
        for row in python["similarity"]["tables"]["classes"]
        if row["stage"] == 1
    }
    assert similar == pytest.approx(uniform)


def test_a_method_is_told_alike_alone_among_others_and_in_a_ranking(python):
    alone = python["attribute"]["numbers"]
    (row,) = (
        row
        for row in python["attributions"]["tables"]["methods"]
        if row["method"] == alone["method"] == "layer-cam"
    )
    assert row["grade"] == python["attribute"]["grade"]
    shared = row.keys() & alone.keys() - {"seconds"}
    assert shared >= {"map_unit", "map_sum", "positive_share_in_region", "completeness_gap_share"}
    assert {key: row[key] for key in shared} == {key: alone[key] for key in shared}
    grades = {one["method"]: one["grade"] for one in python["faithfulness"]["tables"]["methods"]}
    assert grades["layer-cam"] == row["grade"]


def test_blocks_are_the_same_in_every_table_and_field(python):
    places = {
        asked: [
            (row["name"], row["stage"], row["block"]) for row in python[asked]["tables"]["blocks"]
        ]
        for asked in ("probe", "representation", "receptive-field", "rollout")
    }
    profile = [
        (row["name"], row["stage"], row["block"])
        for row in python["profile"]["tables"]["heads"]
        if row["head"] == 0 and row["of"] == "this picture"
    ]
    assert all(found == profile for found in places.values())
    levels = {
        f"stage {row['stage']}": row["height_input_px"]
        for row in python["receptive-field"]["tables"]["blocks"]  # the last block stays
    }
    for field in python["receptive-field"]["tables"]["fields"]:
        if field["level"] in levels:
            assert field["theoretical_height_input_px"] == levels[field["level"]]
    fields = python["receptive-field"]
    assert fields["tables"]["fields"] == fields["numbers"]["fields"]


def test_heads_of_the_sweep_are_those_of_the_profile(python):
    sweep = {
        (row["stage"], row["block"], row["head"]) for row in python["heads"]["tables"]["heads"]
    }
    profile = {
        (row["stage"], row["block"], row["head"])
        for row in python["profile"]["tables"]["heads"]
        if row["stage"] > 2
    }
    assert sweep == profile
    assert np.min([head for *_, head in sweep]) == 0
