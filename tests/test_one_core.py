"""Python, command line, REST and MCP give the same numbers, bit for bit, for the same request."""

import json

import pytest
from endpoints import SHORT_SIDE, call_tool, data_url, endpoints, mcp_session, photo
from gradio_client import Client, handle_file

import analysis.cli.main
import uniformer
import uniformer.cli
from analysis.questions import QUESTIONS
from analysis.questions.answer import finish

PIXEL = {"x": 9, "y": 5}


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    """What each way in answers: {way: (segmentation, probe)}, as parsed JSON."""
    folder = tmp_path_factory.mktemp("core")
    file = photo(folder)
    short = {"short_side": SHORT_SIDE}
    found = {}

    model = uniformer.create_model("nano")
    result = uniformer.segment(file, uniformer.optimize_for_inference(model), **short)
    answer = finish(QUESTIONS["probe"](model, file, **PIXEL, **short))
    found["python"] = json.dumps(result.describe()), answer.to_json()

    options = [str(file), "--short-side", str(SHORT_SIDE), "-o", str(folder)]
    assert uniformer.cli.main(["segment", *options, "--device", "cpu"]) == 0
    assert analysis.cli.main.main(["probe", *options, "--pixel", "9,5", "--formats", "json"]) == 0
    files = folder / f"{file.stem}.json", folder / f"{file.stem}.probe.json"
    found["command line"] = tuple(path.read_text(encoding="utf-8") for path in files)

    with endpoints() as url:
        sent = {"picture": handle_file(str(file)), **short}
        client = Client(url, verbose=False)
        labelled = client.predict(**sent, api_name="/segment")
        probed = client.predict(**sent, **PIXEL, api_name="/probe")
        found["REST"] = labelled[0], probed[0]

        async def visit(session):
            sent = {"picture": data_url(file), **short}
            labelled = await call_tool(session, "segment", sent)
            probed = await call_tool(session, "probe", sent | PIXEL)
            return labelled.content[0].text, probed.content[0].text

        found["MCP"] = mcp_session(url, visit)
    return {way: tuple(map(json.loads, texts)) for way, texts in found.items()}


@pytest.mark.parametrize("way", ["command line", "REST", "MCP"])
def test_a_segmentation_is_the_same(ways, way):
    assert ways[way][0] == ways["python"][0]
    assert ways[way][0]["table"]


@pytest.mark.parametrize("way", ["command line", "REST", "MCP"])
def test_a_probe_is_the_same(ways, way):
    own, other = ways["python"][1], ways[way][1]
    assert other["numbers"] == own["numbers"]
    assert other["tables"] == own["tables"]
    assert other["settings"] == own["settings"]
