"""Python, command line, REST, MCP, the page and a published report give the same numbers.

The first four bit for bit. The page looks up what was measured in float32 (``QUICK``) until a click
brings the very numbers of the question; what it prints is right to half of the last digit.
"""

import base64
import json
import re
import zlib

import numpy as np
import pytest
from endpoints import SHORT_SIDE, call_tool, data_url, endpoints, mcp_session, photo
from gradio_client import Client, handle_file

import analysis.cli.main
import uniformer
import uniformer.cli
from analysis import QUESTIONS, finish, trace
from analysis.report.lens_data import MAPS, SHARE_STEPS, piece
from analysis.report.page import Caption, report_html
from ui.host.settings import Settings
from ui.service.actions import Actions
from ui.service.examples import FOLDER

PHOTO = (520, 1100)
"""Larger than what is drawn in a browser; its last windows are cut off at both borders."""

PROBES = (
    {"x": 9, "y": 5},
    {"x": 700, "y": 301, "reach": "window"},
    {"x": 1099, "y": 519, "reach": "hybrid"},
)

QUICK = {"rtol": 2e-5, "atol": 2e-6}
"""How far numbers of float32 may be from those of the question."""


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


# ---- the page and the report, which draw what they have and may measure nothing themselves


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


CASES = [("large", "global"), ("large", "window"), ("chelsea_cat", "hybrid")]


@pytest.fixture(scope="module")
def file_of(large):
    return {"large": large, "chelsea_cat": FOLDER / "chelsea_cat.jpg"}


@pytest.fixture(scope="module")
def model():
    return uniformer.create_model("nano")


@pytest.fixture(scope="module")
def actions():
    return Actions(Settings())


def unpacked(packed, dtype):
    return np.frombuffer(zlib.decompress(base64.b64decode(packed)), dtype)


def composition_of(answer, stage):
    """Return {class: share of the weight} of the last block of a stage, as the question says."""
    rows = [row for row in answer.tables["classes"] if row["stage"] == stage]
    return {row["class"]: row["share"] for row in rows if row["class"] != "(padding)"}


@pytest.mark.parametrize(("name", "reach"), CASES)
def test_the_page_says_what_the_question_says(actions, model, file_of, name, reach):
    file = file_of[name]
    selection = actions.open_photo(actions.first.selection, str(file), file.name).selection
    selection = actions.change_reach(selection, reach, model.window_size).selection
    view = actions.lens(selection)
    size = view["picture_height"], view["picture_width"]
    names = {entry["index"]: entry["name"] for entry in view["classes"]}
    labels = unpacked(view["labels"], np.uint8).reshape(size)
    layout = {stage["stage"]: stage for stage in view["stages"]}
    last = {number: (len(stage["windows"]) - 1, None) for number, stage in layout.items()}
    places_of_pieces = [(stage, block) for stage in last for block in range(last[stage][0] + 1)]
    traced = actions.trace(selection)
    pieces = {place: piece(traced, *place, None) for place in places_of_pieces}
    for x, y in places(size):
        answer = asked(model, file, x=x, y=y, reach=reach)
        assert names[labels[y, x]] == answer.numbers["label"]
        for row in answer.tables["blocks"]:
            stage, block = row["stage"], row["block"]
            shape = layout[stage]["rows"], layout[stage]["columns"]
            token = row["token_row"], row["token_column"]
            sent, numbers = pieces[stage, block], MAPS[stage > 2]
            wanted = [row[number] for number in numbers]
            maps = unpacked(sent["maps"], "<f4").reshape(-1, *shape)[1:]
            np.testing.assert_allclose(maps[:, token[0], token[1]], wanted, **QUICK)
            if block != last[stage][0]:
                continue
            classes = composition_of(answer, stage)
            steps = unpacked(sent["composition"], "<u2").reshape(*shape, -1)[token]
            quick = {
                names[index]: step / SHARE_STEPS
                for index, step in zip(layout[stage]["classes"], steps, strict=True)
            }
            assert quick == pytest.approx(classes, abs=1 / SHARE_STEPS)


PRINTED = """panel => {
  const said = {};
  for (const value of panel.querySelectorAll("dd [data-value], dd[data-value]"))
    if (!value.closest("[hidden]")) said[value.dataset.value] = value.textContent;
  const list = panel.querySelector('[data-value="composition"]');
  const classes = list.tagName === "UL"
    ? [...list.children].map(row => [...row.querySelectorAll("span, b")].map(e => e.textContent))
    : list.textContent.split(" · ").map(row => row.match(/^([\\d.]+ %) (.*)/).slice(1).reverse());
  return [said, classes];
}"""
"""What a panel of the lens says, {name: text}, and its classes, [[name, text]]."""

MOVE = """(frame, [u, v]) => {
  const box = frame.getBoundingClientRect();
  const at = { clientX: box.x + u * box.width, clientY: box.y + v * box.height };
  frame.dispatchEvent(new PointerEvent("pointermove", { pointerType: "mouse", ...at }));
}"""
"""Point at a place of the picture, in shares of its sides; corners are hard to hit with a mouse."""


def assert_rounded(text, wanted):
    """Check a printed number against what it was rounded from, half of the last digit and all."""
    number = re.search(r"[\d.]+", text)[0]
    unit = 10.0 ** -len(number.partition(".")[2])
    if "%" in text:
        wanted = 100 * wanted
    assert abs(float(number) - wanted) <= unit / 2 + 2e-3 * unit + 2e-5 * abs(wanted), text


SAID = {
    "distance": "distance_picture_px",
    "entropy": "entropy",
    "near": "mass_5x5",
    "padding": "padding_mass",
}


@pytest.mark.browser
@pytest.mark.parametrize(("name", "reach"), CASES[1:])
def test_a_report_says_what_the_question_says(browser, model, file_of, tmp_path, name, reach):
    file, network = file_of[name], uniformer.create_model("nano")
    network.set_reach(reach)
    result = uniformer.segment(file, uniformer.optimize_for_inference(network))
    report = tmp_path / "report.html"
    report.write_text(report_html(result, trace(network, file), Caption("Photo")), "utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(report.as_uri())
    page.wait_for_selector("#lens [data-shown]", state="attached")
    for chooser in page.locator("#lens [data-choose] >> visible=true").all():
        options = chooser.locator("option").evaluate_all("all => all.map(o => [o.value, o.text])")
        counted = [(value, text.split()[0]) for value, text in options if value != "mean"]
        assert counted == [(str(number), str(number)) for number in range(len(counted))]
    height, width = result.labels.shape
    for x, y in places(result.labels.shape):
        at = [(x + 0.5) / width, (y + 0.5) / height]
        page.eval_on_selector("#lens .frame.main", MOVE, at)
        assert page.locator('#lens [data-part="at"]').inner_text().endswith(f" {x}, {y}")
        answer = asked(model, file, x=x, y=y, reach=reach)
        assert page.locator('#lens [data-part="name"]').inner_text() == answer.numbers["label"]
        for row in answer.numbers["stages"]:
            panel = f'#lens [data-stage="{row["stage"]}"]'
            said, classes = page.eval_on_selector(panel, PRINTED)
            assert ("padding" in said) == (row["padding_mass"] > 0)
            for shown_as, number in SAID.items():
                if shown_as in said:
                    assert_rounded(said[shown_as], row[number])
            ratio = row["distance_picture_px"] / row["uniform_distance_picture_px"]
            assert_rounded(said["ratio"], ratio)
            wanted = composition_of(answer, row["stage"])
            assert classes
            for name, text in classes:
                assert_rounded(text, wanted[name])
    page.close()
