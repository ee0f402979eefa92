"""The endpoints as tools of an agent: a real MCP client, over the wire."""

import base64
import io
import json

import httpx
import pytest
from endpoints import SHORT_SIDE, call_tool, data_url, endpoints, mcp_session, photo
from PIL import Image

from analysis.questions import QUESTIONS


@pytest.fixture(scope="module")
def url():
    with endpoints() as url:
        yield url


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return data_url(photo(tmp_path_factory.mktemp("mcp")))


def call(url, tool, **given):
    return mcp_session(url, lambda session: call_tool(session, tool, given))


def test_tools_are_the_endpoints_and_every_argument_is_explained(url):
    tools = {t.name: t for t in mcp_session(url, lambda session: session.list_tools()).tools}
    assert set(tools) == {
        "models",
        "segment",
        "classify",
        "report",
        *(name.replace("-", "_") for name in QUESTIONS),
    }
    for tool in tools.values():
        assert tool.description
        assert ":class:" not in tool.description
        for argument in tool.inputSchema["properties"].values():
            assert argument["description"]
    probe = tools["probe"].inputSchema
    assert set(probe["required"]) == {"picture", "x", "y"}
    assert probe["properties"]["x"]["type"] == "integer"
    assert "url" in probe["properties"]["picture"]["format"]


def test_a_picture_is_segmented(url, address):
    answer = call(url, "segment", picture=address, short_side=SHORT_SIDE)
    assert not answer.isError
    found = json.loads(answer.content[0].text)
    assert sum(row["share"] for row in found["table"]) == pytest.approx(1)
    shown = next(part for part in answer.content if part.type == "image")
    image = Image.open(io.BytesIO(base64.b64decode(shown.data)))
    assert (image.mode, image.size) == ("L", (96, 72))


def test_a_pixel_is_probed(url, address):
    answer = call(url, "probe", picture=address, x=9, y=5, short_side=SHORT_SIDE)
    assert not answer.isError
    assert json.loads(answer.content[0].text)["question"] == "probe"
    assert any(part.type == "image" for part in answer.content)


NAMED = {
    "profile": {},
    "receptive_field": {"x": 9, "y": 5, "probes": 1},
    "attribute": {"x": 9, "y": 5, "method": "grad-cam"},
    "what_if": {"kind": "hide-segment", "x": 9, "y": 5},
    "compare": {"other_reach": "window"},
}


@pytest.mark.parametrize("tool", NAMED)
def test_a_question_is_answered_with_a_figure(url, address, tool):
    answer = call(url, tool, picture=address, short_side=SHORT_SIDE, **NAMED[tool])
    assert not answer.isError, answer.content
    found = json.loads(answer.content[0].text)
    assert found["question"] == tool.replace("_", "-")
    assert found["settings"]["parameters"]["short_side"] == SHORT_SIDE
    assert any(part.type == "image" for part in answer.content)


def test_models_are_listed_and_a_report_is_at_an_address(url, address):
    listed = json.loads(call(url, "models").content[0].text)["models"]
    assert listed[0]["name"] == "nano"
    answer = call(url, "report", picture=address, short_side=SHORT_SIDE)
    assert json.loads(answer.content[0].text)["table"]
    page = httpx.get(answer.content[1].text)
    assert page.headers["content-disposition"].startswith("attachment")
    assert "<!doctype html>" in page.text[:100].lower()


def test_a_client_that_wants_no_progress_gets_the_same(url, address):
    given = {"picture": address, "short_side": SHORT_SIDE}
    plain = mcp_session(url, lambda session: session.call_tool("segment", given))
    kinds = [part.type for part in call(url, "segment", **given).content]
    assert [part.type for part in plain.content] == kinds
    assert kinds.count("image") == 2
    assert json.loads(plain.content[0].text)["table"]


@pytest.mark.parametrize("progress", [True, False])
def test_structured_content_has_all_parts_by_name(url, address, progress):
    given = {"picture": address, "x": 9, "y": 5, "short_side": SHORT_SIDE}
    ask = call_tool if progress else lambda session, tool, given: session.call_tool(tool, given)
    answer = mcp_session(url, lambda session: ask(session, "probe", given))
    found = answer.structuredContent
    assert list(found) == ["answer", "figure", "arrays", "tables"]
    assert found["answer"] == json.loads(answer.content[0].text)
    assert found["figure"]["name"].endswith(".png")
    assert len(found["tables"]) == len(found["answer"]["tables"])
    for file in (found["figure"], found["arrays"], *found["tables"]):
        assert httpx.get(file["url"]).status_code == 200


def test_a_refusal_is_one_sentence(url, address):
    answer = call(url, "probe", picture=address, x=-1, y=5, short_side=SHORT_SIDE)
    assert answer.isError
    (part,) = answer.content
    assert "Traceback" not in part.text
    assert "\n" not in part.text
