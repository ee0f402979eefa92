"""Models saved as folders, on a Hub played by this computer, and loaded again."""

import base64
import json
import resource
from http.server import BaseHTTPRequestHandler

import pytest
import torch
from hub_server import hub_on_loopback
from huggingface_hub import ModelCard
from tiny_segmenter import TINY, make, same, snapshot

import uniformer
from uniformer.classes import numbered_classes
from uniformer.config import MODELS
from uniformer.segmenter import UNTRAINED, Segmenter, WeightsRecord
from uniformer.weights import DATA, WeightsError

FILES = ["README.md", "config.json", "model.safetensors"]


@pytest.fixture(autouse=True)
def tiny_is_known(monkeypatch):
    monkeypatch.setitem(MODELS, "tiny", TINY)


def trained(classes=None):
    model = make(seed=1, classes=classes)
    model.weights = WeightsRecord(True, "somewhere", "0" * 64, "Trained for this test.")
    return model


@pytest.mark.parametrize("classes", [None, numbered_classes(5)])
def test_a_folder_gives_the_model_back(tmp_path, classes):
    model = trained(classes)
    model.set_reach("window", 7)
    model.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    again = Segmenter.from_pretrained(tmp_path)
    assert same(model.state_dict(), again.state_dict())
    assert (again.reach, again.window_size, again.training) == ("window", 7, False)
    assert (again.classes.names, again.classes.colors) == (
        model.classes.names,
        model.classes.colors,
    )
    assert again.weights.trained
    assert again.weights.note == "Trained for this test."
    picture = torch.rand(1, 3, 64, 64)
    assert torch.equal(model(picture), again(picture))


def test_an_untrained_model_stays_untrained(tmp_path):
    make().save_pretrained(tmp_path)
    assert Segmenter.from_pretrained(tmp_path).weights is UNTRAINED


def test_the_card_of_bundled_weights_has_their_scores_and_no_other_has(tmp_path):
    model = uniformer.create_model("nano")
    results = model.generate_model_card().data.eval_results
    assert {result.metric_type for result in results} == {"miou", "accuracy"}
    scores = json.loads((DATA / "nano.safetensors.json").read_text())["scores"]
    assert {result.dataset_split: result.metric_value for result in results[::2]} == {
        name: found["miou"] for each in scores for name, found in each["domains"].items()
    }
    assert make().generate_model_card().data.eval_results is None
    model.save_pretrained(tmp_path)
    assert "model-index" in (tmp_path / "README.md").read_text()
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.library_name == "uniformer-lens"
    assert card.data.pipeline_tag == "image-segmentation"


def test_what_another_program_saved_is_not_replaced(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="another program's"):
        make().save_pretrained(tmp_path)
    assert (tmp_path / "config.json").read_text() == '{"model_type": "bert"}'
    assert len(list(tmp_path.iterdir())) == 1


def test_weights_without_a_config_of_ours_are_not_replaced(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"somebody's")
    with pytest.raises(ValueError, match=r"model\.safetensors is another program's"):
        make().save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == b"somebody's"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("room", [0, 5000])  # none, and enough for config.json
def test_a_full_disk_leaves_the_model_that_was_there(tmp_path, room):
    old = make(seed=1)
    old.save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before["config.json"]) < 5000 < len(before["model.safetensors"])
    new = make(seed=2, classes=numbered_classes(5))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(OSError, match=r"model\.safetensors"):
            new.save_pretrained(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert same(old.state_dict(), Segmenter.from_pretrained(tmp_path).state_dict())


def test_saving_pushes_under_the_name_of_the_folder_unless_told(tmp_path, monkeypatch):
    pushed = []
    monkeypatch.setattr(
        Segmenter, "push_to_hub", lambda model, *given, **options: pushed.append((given, options))
    )
    make().save_pretrained(tmp_path / "mine", push_to_hub=True, token="secret")
    make().save_pretrained(tmp_path / "mine", push_to_hub=True, repo_id="owner/repo")
    make().save_pretrained(tmp_path / "mine")
    assert pushed == [(("mine",), {"token": "secret"}), (("owner/repo",), {})]


def test_a_card_that_was_edited_is_kept(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    make().save_pretrained(tmp_path)
    make().save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_an_optimized_model_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="optimize_for_inference"):
        uniformer.optimize_for_inference(make()).save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        {"model": "bert"},
        {"id2label": {"0": "a", "7": "b"}},
        {"colors": ["red"] * 22},
        {"reach": "everywhere"},
        {"weights": None},
        None,
    ],
)
def test_a_damaged_folder_is_told_in_one_sentence(tmp_path, change):
    make().save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    if change is None:
        file.unlink()
    else:
        file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(WeightsError, match="cannot be loaded as a folder or Hub") as refused:
        Segmenter.from_pretrained(tmp_path)
    assert "\n" not in str(refused.value)


def test_an_unknown_option_is_told(tmp_path):
    make().save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match="there is no option divice"):
        Segmenter.from_pretrained(tmp_path, divice="cpu")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Files by ``owner/name/path``, pushed and fetched over loopback."""
    files = {}

    class Handler(BaseHTTPRequestHandler):
        def answer(self, content, status=200, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def do_POST(self):
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            url = f"http://{self.headers['Host']}"
            if "/preupload/" in self.path:
                names = [each["path"] for each in json.loads(sent)["files"]]
                modes = [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]
                reply = {"files": modes}
            elif "/commit/" in self.path:
                repo = "/".join(self.path.split("/")[3:5])
                for line in map(json.loads, sent.splitlines()):
                    if line["key"] == "file":
                        value = line["value"]
                        files[f"{repo}/{value['path']}"] = base64.b64decode(value["content"])
                reply = {"commitUrl": f"{url}/{repo}/commit/1", "commitOid": "1" * 40}
                reply["success"] = True
            else:
                reply = {"url": f"{url}/owner/repo", "errors": [], "warnings": []}
            self.answer(json.dumps(reply).encode())

        def do_GET(self):
            repo, _, rest = self.path.strip("/").partition("/resolve/")
            found = files.get(f"{repo}/{rest.partition('/')[2]}")
            if found is None:
                return self.answer(b"", 404, X_Error_Code="RepoNotFound")
            return self.answer(found, ETag=f'"{len(found)}"', X_Repo_Commit="1" * 40)

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    with hub_on_loopback(Handler, monkeypatch, tmp_path):
        yield files


def test_a_model_is_pushed_to_the_hub_and_loaded_from_it(hub):
    model = trained()
    model.push_to_hub("owner/repo", token="secret")
    assert sorted(hub) == [f"owner/repo/{name}" for name in FILES]
    again = Segmenter.from_pretrained("owner/repo")
    assert same(snapshot(model), again.state_dict())
    assert again.weights.source == "owner/repo"


def test_a_repository_that_is_not_there_is_told(hub):
    with pytest.raises(WeightsError, match="owner/none cannot be loaded"):
        Segmenter.from_pretrained("owner/none")
