"""What a host can decide, and how a value that cannot be is refused."""

from pathlib import Path

import pytest

import app
from ui.host.settings import (
    Settings,
    accepted_words,
    flag_name,
    read_settings,
    settings_table,
    variable_name,
)

ROOT = Path(__file__).parent.parent

# For each setting: a value as text, what it means, and one outside of what is accepted.
VALUES = {
    "model": ("small-upernet", "small-upernet", "two words"),
    "weights": ("none", None, None),
    "device": ("cuda:1", "cuda:1", "tpu"),
    "models_in_memory": ("3", 3, "0"),
    "host": ("0.0.0.0", "0.0.0.0", "a b"),
    "port": ("8080", 8080, "65536"),
    "host_names": ("a.example,b", "a.example,b", "http://a"),
    "origins": ("https://a.example", "https://a.example", "a.example"),
    "root_path": ("/lens", "/lens", "lens"),
    "upload_bytes": ("4096", 4096, "99999999999"),
    "picture_pixels": ("1000000", 10**6, "-1"),
    "files_bytes": ("1048576", 2**20, "1"),
    "store_bytes": ("1048576", 2**20, "1"),
    "store": ("/srv/results", "/srv/results", "a\nb"),
    "store_seconds": ("0.5e2", 50.0, "nan"),
    "queue_size": ("8", 8, "0"),
    "concurrency": ("4", 4, "2.5"),
    "threads": ("1", 1, "many"),
    "auth": ("ann:s3:cret", "ann:s3:cret", "no-colon"),
    "offline": ("on", True, "maybe"),
    "log_level": ("INFO", "info", "loud"),
    "mcp": ("off", False, "2"),
}
REFUSED = [name for name, (_, _, bad) in VALUES.items() if bad is not None]


def test_every_setting_is_tried_here():
    assert list(VALUES) == list(Settings.model_fields)


@pytest.fixture
def environment(monkeypatch):
    """Set variables of the environment."""
    return lambda **values: [monkeypatch.setenv(name, text) for name, text in values.items()]


@pytest.mark.parametrize("name", VALUES)
def test_flag_and_variable_mean_the_same(name, environment):
    text, value, _ = VALUES[name]
    by_flag = read_settings([flag_name(name), text])
    environment(**{variable_name(name): text})
    by_variable = read_settings([])
    assert by_flag == by_variable == Settings(**{name: value})


def test_flag_wins_over_variable_and_variable_over_the_host(environment):
    environment(SPACE_ID="ann/lens", UNIFORMER_LENS_PORT="9000")
    assert read_settings([]).port == 9000
    assert read_settings(["--port", "9001"]).port == 9001


def test_empty_variable_counts_as_absent(environment):
    environment(UNIFORMER_LENS_PORT="")
    assert read_settings([]) == Settings()


def test_variables_matter_to_a_command_line_alone(environment):
    environment(UNIFORMER_LENS_PORT="9000")
    assert Settings().port is None


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("given_as", [flag_name, variable_name])
def test_value_out_of_range_is_refused_with_the_range(name, given_as, environment):
    bad, given, flags = VALUES[name][2], given_as(name), []
    if given_as is flag_name:
        flags = [given, bad]
    else:
        environment(**{given: bad})
    words = accepted_words(Settings.model_fields[name])
    with pytest.raises(ValueError, match=r"^[^\n]*\.$") as caught:
        read_settings(flags)
    assert str(caught.value).startswith(f"{given} is ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("port", "80"), ("mcp", 1), ("queue_size", True), ("model", None)]
)
def test_settings_made_in_python_are_checked_too(name, value):
    with pytest.raises(ValueError, match=rf"^{name} is [^\n]*\.$"):
        Settings(**{name: value})


def test_a_setting_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"^There is no setting prot\.$"):
        Settings(prot=80)


def test_password_is_neither_shown_nor_repeated():
    assert "s3cret" not in repr(Settings(auth="ann:s3cret"))
    with pytest.raises(ValueError, match="refused") as caught:
        read_settings(["--auth", "s3cret"])
    assert "s3cret" not in str(caught.value)


def test_a_space_listens_to_visitors_and_logs_requests(environment):
    assert read_settings([]) == Settings()
    assert Settings().host is None
    environment(SPACE_ID="ann/lens")
    settings = read_settings([])
    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 7860, "info")


def test_switch_needs_no_value():
    assert read_settings(["--offline"]).offline


def test_the_documented_table_is_the_one_that_holds():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert settings_table() in page


def test_app_refuses_a_value_out_of_range_before_it_starts(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["app.py", "--queue-size", "0"])
    assert app.main() == 1
    written = capsys.readouterr().err
    assert written == "app.py: --queue-size is '0': it must be a whole number from 1 to 10000.\n"
