"""The live edition in a real browser, on one thread: it answers as Python does, from no server."""

from __future__ import annotations

import io
import json
from base64 import b64decode, b64encode

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from static_server import Isolated, serve
from test_web_rows import _map

from analysis.affinity.row_summary import LOCAL_STAGES, affinity_row, row_numbers
from analysis.cli.main import main
from analysis.core.activation_cache import trace
from analysis.core.progress import finish
from analysis.core.token_classes import token_classes
from analysis.live.facts import EXAMPLES, examples
from analysis.questions import QUESTIONS
from uniformer import create_model, segment

pytestmark = pytest.mark.browser

SETTING = {"model": "nano", "reach": "global", "windowSize": 8}
HOUSES = "kodim08_market_place_houses.jpg"
PIXEL = (400, 300)
HERE = "http://127.0.0.1:"

HELPERS = """
globalThis.text = (array) => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let said = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    said += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(said);
};
globalThis.file = (said, type) => {
  const bytes = Uint8Array.from(atob(said), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type });
};
globalThis.failing = (promise) => promise.then(() => "opened", (error) => error.sentence);
"""
START = """
async () => {
  const { BrowserSource } = await import("./web/browser_source.js");
  globalThis.rows = await import("./web/rows.js");
  const facts = await (await fetch("live.json")).json();
  globalThis.lens = new BrowserSource(facts, new URL("./", location.href).href, 1);
  await lens.catalog("en");
  await lens.loaded;
}
"""
OPEN = """
async ([what, setting]) => {
  const given = typeof what === "string" ? { example: what } : file(...what);
  globalThis.picture = await lens.open(given, setting);
  return text(picture.labels);
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder that the command writes."""
    target = tmp_path_factory.mktemp("live") / "site"
    assert main(["live", "-o", str(target)]) == 0
    return target


@pytest.fixture(scope="module")
def address(folder):
    server = serve(folder)
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture
def visitor(browser):
    """A page that has not been opened; at the end it has met no error and asked no other host."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.add_init_script(HELPERS)
    page = context.new_page()
    errors, sent = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    context.on("request", lambda request: sent.append(request.url))
    yield page
    context.close()
    assert errors == []
    assert [url for url in sent if not url.startswith((HERE, "blob:", "data:"))] == []


@pytest.fixture(scope="module")
def lens(browser, address):
    """A page in which the source without the workbench is asked, on one thread."""
    context = browser.new_context()
    context.add_init_script(HELPERS)
    page = context.new_page()
    page.goto(f"{address}live.json")  # which starts nothing by itself
    page.evaluate(START)
    yield page
    context.close()


@pytest.fixture(scope="module")
def model():
    return create_model("nano")


def labels_in(page, what, setting=SETTING):
    """Open a picture in the browser and return its labels, flat."""
    return np.frombuffer(b64decode(page.evaluate(OPEN, [what, setting])), np.uint8)


def given(image, kind="PNG", **options):
    """An image as the page is given a file."""
    data = io.BytesIO()
    image.save(data, kind, **options)
    return [b64encode(data.getvalue()).decode(), f"image/{kind.lower()}"]


@pytest.mark.parametrize("name", [example["name"] for example in examples()])
def test_labels_of_every_example_are_those_of_the_model(lens, model, name):
    found = labels_in(lens, name)
    expected = trace(model, EXAMPLES / name).labels.ravel()
    assert (found == expected).mean() >= 0.999


def test_rows_are_those_of_the_analysis_in_every_reach(lens, model):
    labels_in(lens, HOUSES)
    for reach, size, places in (
        ("global", 8, ((1, 1), (2, 0), (3, 5), (4, 1))),
        ("hybrid", 7, ((3, 2), (3, 3))),
        ("window", 7, ((3, 5),)),
    ):
        model.set_reach(reach, size)
        traced = trace(model, EXAMPLES / HOUSES)
        lens.evaluate(
            "async (setting) => { globalThis.other = await lens.relabel(picture, setting); }",
            {"model": "nano", "reach": reach, "windowSize": size},
        )
        for stage, block in places:
            row = affinity_row(traced, stage, block, *PIXEL)
            found = lens.evaluate(
                """async ([stage, block, x, y]) => {
                  const parts = await lens.block(other, stage, block);
                  const info = other.stages[stage - 1];
                  const row = rows.rowOf(parts, rows.tokenAt(info, x, y));
                  const numbers = rows.rowNumbers(row, info, null);
                  const map = text(rows.placed(row, info, null));
                  return { map, numbers, windows: info.windows };
                }""",
                [stage, block, *PIXEL],
            )
            assert found["windows"] == list(traced.windows[stage - 1])
            values = np.frombuffer(b64decode(found["map"]), "<f4")
            np.testing.assert_allclose(values, _map(row, None).ravel(), atol=1e-4)
            tokens = token_classes(traced.labels, traced.grid(stage))
            numbers = row_numbers(traced, row, tokens)
            for key, value in found["numbers"].items():
                assert value == pytest.approx(numbers[key], rel=1e-4, abs=1e-4), key
            assert (stage in LOCAL_STAGES) == (row.__class__.__name__ == "LocalAffinity")
    model.set_reach("global")
    traced = trace(model, EXAMPLES / HOUSES)
    chances = lens.evaluate(
        "async ([x, y]) => text(await lens.probabilities(picture, x, y))", PIXEL
    )
    found = np.frombuffer(b64decode(chances), "<f4")
    np.testing.assert_allclose(found, traced.probabilities(*PIXEL), atol=1e-4)


@pytest.mark.parametrize("kind", ["hide-segment", "hide-region", "silence-head"])
def test_what_if_changes_what_it_changes_in_the_analysis(lens, model, kind):
    labels_in(lens, HOUSES)
    head = {"stage": 3, "block": 5, "head": 2}
    asked = {} if kind != "silence-head" else head
    answer = finish(
        QUESTIONS["what-if"](model, EXAMPLES / HOUSES, kind=kind, x=PIXEL[0], y=PIXEL[1], **asked)
    )
    ask = {
        "layer": "silence-head" if asked else "hide",
        "x": PIXEL[0],
        "y": PIXEL[1],
        "region": "pixel" if kind != "hide-segment" else "segment",
        "parameters": asked,
    }
    found = lens.evaluate(
        """async (ask) => {
          const { map, numbers, sentence, command } = await lens.layer(picture, ask);
          return { map: text(map), numbers, sentence, command };
        }""",
        ask,
    )
    labels = np.frombuffer(b64decode(found["map"]), np.uint8)
    assert (labels == answer.arrays["labels_after"].ravel()).mean() > 0.999
    numbers = {number["name"]: number["value"] for number in found["numbers"]}
    assert numbers["Divergence"] == pytest.approx(answer.numbers["kl_nats"], rel=0.02)
    assert numbers["Margin"] == pytest.approx(answer.numbers["margin_change_nats"], rel=0.02)
    if not asked:
        size = 100 * answer.numbers["size_share"]
        assert numbers["Size of the change"] == pytest.approx(size, rel=0.01)
        assert numbers["Random changes"] == answer.numbers["controls"]
    assert "live." not in found["sentence"]
    assert f"--kind {kind}" in found["command"]


def test_occlusion_is_that_of_the_analysis_and_stops(lens, model):
    labels_in(lens, HOUSES, SETTING | {"shortSide": 64})
    ask = {"layer": "occlusion", "x": PIXEL[0], "y": PIXEL[1], "region": "segment"}
    found = lens.evaluate(
        """async (ask) => {
          const seen = [];
          const onPartial = (step) => seen.push(step.done);
          const layer = await lens.layer(picture, ask, { onPartial });
          return { map: text(layer.map), steps: seen.length };
        }""",
        ask | {"parameters": {"window_px": 32}},
    )
    answer = finish(
        QUESTIONS["attribute"](
            model, EXAMPLES / HOUSES, x=PIXEL[0], y=PIXEL[1], method="occlusion", window_px=32,
            short_side=64,
        )
    )  # fmt: skip
    expected = answer.arrays["map"]
    values = np.frombuffer(b64decode(found["map"]), "<f4").reshape(expected.shape)
    np.testing.assert_allclose(values, expected, atol=2e-3 * np.abs(expected).max())
    assert found["steps"] > 5
    stopped = lens.evaluate(
        """async (ask) => {
          const controller = new AbortController();
          const onPartial = () => controller.abort();
          await lens.layer(picture, ask, { signal: controller.signal, onPartial }).catch(() => {});
          const started = performance.now();
          await lens.probabilities(picture, 1, 1);
          return performance.now() - started;
        }""",
        ask | {"parameters": {"window_px": 8}},
    )
    assert stopped < 5000  # and not the time of two hundred passes more


def test_a_file_is_taken_as_python_takes_it(lens, model):
    photo = Image.open(EXAMPLES / "coffee.jpg").reduce(2)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    clear = photo.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(photo.size))
    for what, image in (
        (given(photo, "JPEG", exif=exif, quality=95), None),
        (given(clear), clear),
        (given(photo.convert("L")), photo.convert("L")),
    ):
        source = image if image is not None else b64decode(what[0])
        found = labels_in(lens, what)
        assert (found == segment(source, model).labels.ravel()).mean() > 0.998


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 what is this", "no picture that browsers open"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "damaged"),
        (given(Image.new("RGB", (500, 4))), "less than 8 pixels"),
        (given(Image.new("RGB", (2000, 9))), "64 times as long"),
    ],
    ids=["empty", "kind", "damaged", "small", "long"],
)
def test_what_is_no_picture_gets_a_sentence_and_leaves_all_as_it_was(lens, data, words):
    labels_in(lens, "chelsea_cat.jpg")
    what = data if isinstance(data, list) else [b64encode(data).decode(), "image/png"]
    said = lens.evaluate(
        "([what, setting]) => failing(lens.open(file(...what), setting))", [what, SETTING]
    )
    assert words in said
    assert lens.evaluate("async () => (await lens.probabilities(picture, 3, 3)).length") == 50


def test_files_to_take_away_are_read_by_others(lens):
    found = labels_in(lens, "chelsea_cat.jpg")
    files = {
        kind: b64decode(
            lens.evaluate(
                """async (kind) => {
                  const blob = await lens.takeAway(picture, null, kind);
                  return text(new Uint8Array(await blob.arrayBuffer()));
                }""",
                kind,
            )
        )
        for kind in ("npz", "csv", "json")
    }
    arrays = np.load(io.BytesIO(files["npz"]))
    assert (arrays["labels"].ravel() == found).all()
    assert arrays["confidence_percent"].dtype == np.uint8
    named = {each["name"] for each in json.loads(files["json"])["classes"]}
    assert "cat" in named
    lines = files["csv"].decode().splitlines()
    assert {line.split(",")[1] for line in lines[1:]} == named


def test_the_page_opens_without_a_network_the_second_time(visitor, folder):
    server = serve(folder)
    visitor.goto(f"http://127.0.0.1:{server.server_port}/")
    visitor.wait_for_selector("html[data-offline=yes]")
    assert "without a network" in visitor.locator("#notes").inner_text()
    server.shutdown()
    server.server_close()
    visitor.context.set_offline(True)
    visitor.goto(f"http://127.0.0.1:{server.server_port}/?example=coffee.jpg&layer=labels")
    visitor.wait_for_selector("html[data-ready=yes]")
    assert "Coffee" in visitor.locator("#workbench .top").inner_text()


def test_several_photos_are_labelled_here_and_a_film_needs_the_app(visitor, address):
    visitor.goto(address)
    visitor.wait_for_selector("html[data-ready=yes]")
    rng = np.random.default_rng(0)
    photos = [
        {"name": f"{number}.png", "mimeType": "image/png", "buffer": b64decode(given(image)[0])}
        for number in range(2)
        for image in [Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))]
    ]
    chooser = visitor.locator("#workbench .top input[type=file]").first
    chooser.set_input_files(photos)
    expect(visitor.locator("#workbench .batch-status").first).to_have_text("2 of 2 labelled")
    visitor.locator("[data-photo='1.png']").click()
    expect(visitor.locator("[data-photo='1.png']")).to_have_attribute("aria-current", "true")
    chooser.set_input_files({"name": "walk.mp4", "mimeType": "video/mp4", "buffer": b"film"})
    expect(visitor.locator("#workbench .film .failures")).to_contain_text("need the app")


def test_the_policy_of_the_page_lets_nothing_out(browser, address):
    page = browser.new_page()
    page.goto(address)
    blocked = page.evaluate(
        """async () => {
          const seen = [];
          const note = (event) => seen.push(event.effectiveDirective);
          addEventListener("securitypolicyviolation", note);
          await fetch("http://localhost:9/").catch(() => {});
          const image = new Image();
          image.src = "http://localhost:9/x.png";
          const script = document.createElement("script");
          script.textContent = "globalThis.ran = true";
          document.head.append(script);
          await new Promise((done) => setTimeout(done, 200));
          return [seen.sort(), globalThis.ran ?? false];
        }"""
    )
    page.close()
    assert blocked == [["connect-src", "img-src", "script-src-elem"], False]


def test_a_browser_without_simd_gets_a_sentence(visitor, address):
    visitor.add_init_script("WebAssembly.validate = () => false;")
    visitor.goto(address)
    expect(visitor.locator("#loading")).to_contain_text("WebAssembly with SIMD")
    assert visitor.locator("#workbench").inner_html() == ""


@pytest.mark.slow
def test_threads_where_a_page_may_have_them_give_the_same_labels(visitor, folder, model):
    server = serve(folder, Isolated)
    visitor.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', { get: () => 4 });"
    )
    visitor.goto(f"{HERE}{server.server_port}/?example={HOUSES}")
    visitor.wait_for_selector("html[data-ready=yes]")
    assert visitor.evaluate("crossOriginIsolated")
    assert visitor.locator("html").get_attribute("data-threads") == "2"
    visitor.evaluate(START.replace(".href, 1)", ".href, 2)"))
    expected = trace(model, EXAMPLES / HOUSES).labels.ravel()
    assert (labels_in(visitor, HOUSES) == expected).mean() >= 0.999
    server.shutdown()
