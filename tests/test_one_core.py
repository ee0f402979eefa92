"""Python, command line, REST, MCP and a published report give the same numbers.

The first four bit for bit. A browser makes its numbers of what it was sent, and a report keeps that
in 16 bits: what it prints is right to half of the last digit.
"""

import json
import re

import numpy as np
import pytest
from endpoints import SHORT_SIDE, call_tool, data_url, endpoints, mcp_session, photo
from gradio_client import Client, handle_file
from playwright.sync_api import expect
from visiting import Workbench

import analysis.cli.main
import uniformer
import uniformer.cli
from analysis import QUESTIONS, finish, trace
from analysis.report.embedded import WEB
from analysis.report.page import Caption, report_html
from ui.service.examples import FOLDER

PHOTO = (520, 1100)
"""Larger than what is drawn in a browser; its last windows are cut off at both borders."""

PROBES = (
    {"x": 9, "y": 5},
    {"x": 700, "y": 301, "reach": "window"},
    {"x": 1099, "y": 519, "reach": "hybrid"},
)

QUICK_REL = 1e-4
"""How far what a report keeps may be from the numbers of the question, as a part of them."""


def asked(model, file, **parameters):
    return finish(QUESTIONS["probe"](model, file, **parameters))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return photo(tmp_path_factory.mktemp("photo"), size=PHOTO)


@pytest.fixture(scope="module")
def ways(tmp_path_factory, large):
    """What each way answers: {way: [segmentation, *probes]}, as parsed JSON."""
    folder = tmp_path_factory.mktemp("core")
    short = {"short_side": SHORT_SIDE}
    found = {}

    model = uniformer.create_model("nano")
    result = uniformer.segment(large, uniformer.optimize_for_inference(model), **short)
    probes = [asked(model, large, **short, **probe).to_json() for probe in PROBES]
    found["python"] = [json.dumps(result.describe()), *probes]

    given = [str(large), "--short-side", str(SHORT_SIDE)]
    assert uniformer.cli.main(["segment", *given, "-o", str(folder), "--device", "cpu"]) == 0
    files = [folder / f"{large.stem}.json"]
    for number, probe in enumerate(PROBES):
        out = folder / str(number)
        options = ["--pixel", f"{probe['x']},{probe['y']}", "--formats", "json", "-o", str(out)]
        options += ["--reach", probe["reach"]] if "reach" in probe else []
        assert analysis.cli.main.main(["probe", *given, *options]) == 0
        files.append(out / f"{large.stem}.probe.json")
    found["command line"] = [path.read_text(encoding="utf-8") for path in files]

    with endpoints() as url:
        sent = {"picture": handle_file(str(large)), **short}
        client = Client(url, verbose=False)
        answers = [client.predict(**sent, api_name="/segment")]
        answers += [client.predict(**sent, **probe, api_name="/probe") for probe in PROBES]
        found["REST"] = [json.dumps(answer[0]) for answer in answers]

        async def visit(session):
            sent = {"picture": data_url(large), **short}
            answers = [await call_tool(session, "segment", sent)]
            answers += [await call_tool(session, "probe", sent | probe) for probe in PROBES]
            return [answer.content[0].text for answer in answers]

        found["MCP"] = mcp_session(url, visit)
    return {way: list(map(json.loads, texts)) for way, texts in found.items()}


@pytest.mark.parametrize("way", ["command line", "REST", "MCP"])
def test_a_segmentation_is_the_same(ways, way):
    assert ways[way][0] == ways["python"][0]
    assert ways[way][0]["table"]


@pytest.mark.parametrize("way", ["command line", "REST", "MCP"])
def test_a_probe_is_the_same(ways, way):
    for own, other in zip(ways["python"][1:], ways[way][1:], strict=True):
        assert other["numbers"] == own["numbers"]
        assert other["tables"] == own["tables"]
        assert other["settings"] == own["settings"]


TIED = 1e-4
"""Lead in probability of a class, up to which the rewritten network may name the next one."""


@pytest.mark.parametrize(("name", "reach"), [("flower_dahlia", "global"), ("large", "hybrid")])
def test_labels_are_those_that_questions_name_classes_by_but_for_ties(file_of, name, reach):
    file = file_of.get(name) or next(FOLDER.glob(f"{name}*.jpg"))
    model = uniformer.create_model("nano", reach=reach)
    labels = trace(model, file).labels
    assert np.array_equal(uniformer.segment(file, model).labels, labels)
    found = uniformer.segment(file, uniformer.optimize_for_inference(model))
    differs = found.labels != labels
    assert differs.mean() < 1e-5
    assert not differs.any() or found.margin[differs].max() < TIED


# ---- the report, which draws what it holds


def places(size):
    """Return pixels in the middle, on borders and in corners of a picture (height, width)."""
    height, width = size
    return [
        (width // 2, height // 3),
        (0, 0),
        (width - 1, height - 1),
        (width - 1, height // 2 + 7),
        (width // 3, height - 1),
    ]


CASES = [("large", "window"), ("chelsea_cat", "hybrid")]


@pytest.fixture(scope="module")
def file_of(large):
    return {"large": large, "chelsea_cat": FOLDER / "chelsea_cat.jpg"}


@pytest.fixture(scope="module")
def model():
    return uniformer.create_model("nano")


def composition_of(answer, stage):
    """Return {class: share of the weight} of the last block of a stage, as the question says."""
    rows = [row for row in answer.tables["classes"] if row["stage"] == stage]
    return {row["class"]: row["share"] for row in rows if row["class"] != "(padding)"}


def assert_rounded(text, wanted, rel=QUICK_REL):
    """Check a printed number against what it was rounded from, half of the last digit and all."""
    if text.startswith("<"):
        assert wanted < 0.0006
        return
    number = re.search(r"[\d.]+", text)[0]
    unit = 10.0 ** -len(number.partition(".")[2])
    if "%" in text:
        wanted = 100 * wanted
    assert abs(float(number) - wanted) <= unit / 2 + 2e-3 * unit + rel * abs(wanted), text


SAID = {
    "distance": "distance_picture_px",
    "even": "uniform_distance_picture_px",
    "entropy": "entropy",
    "near": "mass_5x5",
    "padding": "padding_mass",
}
"""Numbers by the keys of their names in the words of the page."""

NUMBERS = """nodes => Object.fromEntries(nodes.map(node =>
  [node.querySelector("dt").textContent, node.querySelector("dd").textContent]))"""

WORDS = json.loads((WEB / "words" / "en.json").read_text("utf-8"))


@pytest.mark.browser
@pytest.mark.parametrize(("name", "reach"), CASES)
def test_a_report_says_what_the_question_says(browser, model, file_of, tmp_path, name, reach):
    file, network = file_of[name], uniformer.create_model("nano")
    network.set_reach(reach)
    result = uniformer.segment(file, uniformer.optimize_for_inference(network))
    traced = trace(network, file)
    report = tmp_path / "report.html"
    report.write_text(report_html(result, traced, Caption("Photo")), "utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(report.as_uri())
    page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
    seen = Workbench(page)
    for x, y in places(result.labels.shape):
        seen.mark(x, y)
        assert seen.pixel() == (x, y)
        answer = asked(model, file, x=x, y=y, reach=reach)
        likely = np.sort(traced.probabilities(x, y))[::-1]
        bars = seen.answer.locator(".bar .value")
        expect(bars).to_have_count(5)
        for said, wanted in zip(bars.all_inner_texts(), likely, strict=False):
            assert_rounded(said, wanted, rel=1e-3)
        sentence = seen.answer.locator(".sentence").inner_text()
        assert sentence.lower().startswith(answer.numbers["label"])
        for row in answer.numbers["stages"]:
            seen.layer(f"stage-{row['stage']}")
            block = re.compile(WORDS["block.number"].format(block=row["block"]))
            expect(seen.result.locator("h3")).to_contain_text(block)
            numbers = seen.result.locator(".numbers > div")
            numbers.first.wait_for()
            shown = numbers.evaluate_all(NUMBERS)
            assert (WORDS["number.padding"] in shown) == (row["padding_mass"] > 0)
            for key, column in SAID.items():
                if (text := shown.get(WORDS[f"number.{key}"])) is not None:
                    assert_rounded(text, row[column])
            tile = seen.tile(row["stage"])
            ratio = row["distance_picture_px"] / row["uniform_distance_picture_px"]
            assert_rounded(tile.locator(".far span").inner_text(), ratio)
            wanted = composition_of(answer, row["stage"])
            told = tile.get_attribute("title")
            assert told
            for each in told.split(", "):
                found, share = each.rsplit(" ", 1)
                assert_rounded(share, wanted[found])
    page.close()
