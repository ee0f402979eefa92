"""What the host of a page can decide, by flag or by environment variable."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any

from uniformer.pictures import MAX_FILE_BYTES, MAX_PIXELS

PREFIX = "UNIFORMER_LENS_"
LOG_LEVELS = ("debug", "info", "warning", "error")
WEEK_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class Accepted:
    """The values one setting may have: in words, from text, and as a test of a value."""

    words: str
    read: Callable[[str], Any]
    holds: Callable[[Any], bool]


def _whole(low: int, high: int) -> Accepted:
    return Accepted(f"a whole number from {low} to {high}", int, _between(int, low, high))


def _number(low: float, high: float) -> Accepted:
    return Accepted(f"a number from {low} to {high}", float, _between((int, float), low, high))


def _between(kind: Any, low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, kind) and not isinstance(value, bool) and low <= value <= high
    )


def _text(words: str, pattern: str) -> Accepted:
    return Accepted(
        words, str, lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value))
    )


def _one_of(names: Sequence[str]) -> Accepted:
    return Accepted("one of " + ", ".join(names), str.lower, lambda value: value in names)


def _read_switch(text: str) -> bool:
    switches = {"1": True, "true": True, "on": True, "yes": True}
    switches |= {"0": False, "false": False, "off": False, "no": False}
    return switches[text.lower()]


_SWITCH = Accepted("on or off", _read_switch, lambda value: isinstance(value, bool))
_LOCAL = (None, "localhost", "127.0.0.1", "::1", "[::1]")
_ORIGINS = r"(https?://[\w.:-]+(,https?://[\w.:-]+)*)?"
_WEIGHTS = Accepted(
    "default, none (untrained), a .pth or .safetensors file, or a Hub id owner/repo/file",
    lambda text: None if text == "none" else text,
    lambda value: isinstance(value, str),
)


def _setting(default: Any, accepted: Accepted, meaning: str) -> Any:
    metadata = {"accepted": accepted, "meaning": meaning}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """Everything a host decides about one server; docs/configuration.md has the table.

    Each is a flag (``--store-bytes``) and an environment variable
    (``UNIFORMER_LENS_STORE_BYTES``). Raises ``ValueError`` with the accepted range for a value
    outside of it. None leaves a choice to the library or, for ``weights``, means untrained.
    """

    model: str = _setting("nano", _text("a name that `models` lists", r"\S+"), "model at the start")
    weights: str | None = _setting("default", _WEIGHTS, "weights of that model")
    device: str = _setting(
        "cpu", _text("cpu, cuda, cuda:N or auto", r"auto|cpu|cuda(:\d+)?"), "where models run"
    )
    models_in_memory: int = _setting(2, _whole(1, 16), "models kept loaded, most recent first")
    host: str | None = _setting(
        None, _text("an address", r"[\w.:\[\]-]+"), "address to listen on; 127.0.0.1 by default"
    )
    port: int | None = _setting(
        None, _whole(1, 65535), "port; the first free one from 7860 by default"
    )
    host_names: str = _setting(
        "",
        _text("names separated by commas, or *", r"(\*|[\w.-]+(,[\w.-]+)*)?"),
        "names it answers to besides localhost; any (*) if host is not of this computer alone",
    )
    origins: str = _setting(
        "",
        _text("origins such as https://example.org, separated by commas", _ORIGINS),
        "other sites whose pages may show it in a frame and send it requests",
    )
    root_path: str = _setting(
        "",
        _text("empty, a path like /lens, or an http(s) address", r"(https?:/)?(/[\w.:~-]+)*"),
        "where a proxy puts the page",
    )
    upload_bytes: int = _setting(
        MAX_FILE_BYTES, _whole(1024, MAX_FILE_BYTES), "largest file a visitor may send"
    )
    picture_pixels: int = _setting(
        24 * 10**6, _whole(64, MAX_PIXELS), "largest picture a visitor may open"
    )
    files_bytes: int = _setting(
        2**32, _whole(2**20, 2**40), "disk for the files of all visitors together"
    )
    store_bytes: int = _setting(
        2**30, _whole(2**20, 2**40), "memory for the results of all visitors together"
    )
    store: str = _setting(
        "",
        _text("a folder", r"[^\0]*"),
        "folder in which servers share results, at most files_bytes; by default none",
    )
    store_seconds: float = _setting(
        3600.0, _number(1, WEEK_SECONDS), "how long results and uploads are kept without use"
    )
    queue_size: int = _setting(64, _whole(1, 10000), "requests that may wait")
    concurrency: int = _setting(2, _whole(1, 64), "requests that work at the same time")
    threads: int | None = _setting(
        None, _whole(1, 1024), "threads of one computation; all cores by default"
    )
    auth: str | None = _setting(
        None,
        _text("user:password, both at least one character", r"[^:\s]+:.+"),
        "who may enter; everybody by default",
    )
    offline: bool = _setting(False, _SWITCH, "never ask the Hugging Face Hub")
    log_level: str = _setting("warning", _one_of(LOG_LEVELS), "what is logged; info has requests")
    mcp: bool = _setting(True, _SWITCH, "offer the endpoints to agents over MCP as well")

    def __post_init__(self) -> None:
        for name, entry in ENTRIES.items():
            _check(entry, name, getattr(self, name))

    @property
    def answers_to(self) -> frozenset[str]:
        """The names in a Host header that are answered to, besides those of every computer."""
        if self.host_names:
            return frozenset(self.host_names.split(","))
        return frozenset() if self.host in _LOCAL else frozenset("*")

    @property
    def trusted_origins(self) -> frozenset[str]:
        """The other sites whose pages may use this server."""
        return frozenset(filter(None, self.origins.split(",")))

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in ENTRIES}
        shown["auth"] = shown["auth"] and "(set)"
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


ENTRIES: dict[str, Field[Any]] = {entry.name: entry for entry in fields(Settings)}


def read_settings(
    arguments: Sequence[str], environment: Mapping[str, str] = os.environ
) -> Settings:
    """Return the settings of a command line: flags, else the environment, else the host's defaults.

    An empty variable counts as absent. Raises ``ValueError``, one sentence with the accepted range,
    and ``SystemExit`` for ``--help`` and unknown flags, as argparse does.
    """
    values = host_defaults(environment)
    for name in ENTRIES:
        if text := environment.get(variable_name(name)):
            values[name] = _read(name, variable_name(name), text)
    for name, text in vars(_parser().parse_args(arguments)).items():
        if text is not None:
            values[name] = _read(name, flag_name(name), text)
    return Settings(**values)


def host_defaults(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what differs from the defaults on a known host: on Spaces, where visitors come in."""
    if "SPACE_ID" in environment:
        frame = {"origins": "https://huggingface.co"}
        return {"host": "0.0.0.0", "port": 7860, "log_level": "info", **frame}
    return {}


def variable_name(name: str) -> str:
    """Return the environment variable of the setting called ``name``."""
    return PREFIX + name.upper()


def flag_name(name: str) -> str:
    """Return the flag of the setting called ``name``."""
    return "--" + name.replace("_", "-")


def settings_table() -> str:
    """Return the table of docs/configuration.md: every setting, what it means and may be."""
    lines = ["| flag | variable | meaning | accepted | default |", "|---|---|---|---|---|"]
    for name, entry in ENTRIES.items():
        accepted = entry.metadata["accepted"]
        lines.append(
            f"| `{flag_name(name)}` | `{variable_name(name)}` "
            f"| {entry.metadata['meaning']} | {accepted.words} | {_shown(entry.default)} |"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="Serve the page, then open the address it prints.",
        epilog=f"Each flag is also an environment variable: --port is {variable_name('port')}.",
        allow_abbrev=False,
    )
    for name, entry in ENTRIES.items():
        accepted = entry.metadata["accepted"]
        switch: dict[str, Any] = {"nargs": "?", "const": "on"} if accepted is _SWITCH else {}
        parser.add_argument(
            flag_name(name),
            metavar="VALUE",
            help=f"{entry.metadata['meaning']}: {accepted.words}",
            **switch,
        )
    return parser


def _read(name: str, given_as: str, text: str) -> Any:
    try:
        value = ENTRIES[name].metadata["accepted"].read(text)
    except (ValueError, KeyError):
        value = text  # which the check refuses
    _check(ENTRIES[name], given_as, value)
    return value


def _check(entry: Field[Any], given_as: str, value: Any) -> None:
    accepted = entry.metadata["accepted"]
    if accepted.holds(value) or (value is None and "None" in str(entry.type)):
        return
    shown = "refused" if entry.name == "auth" else repr(value)  # a password is never repeated
    raise ValueError(f"{given_as} is {shown}: it must be {accepted.words}.")


def _shown(default: Any) -> str:
    """Return a default as a cell of the table."""
    if default in (None, ""):
        return "-"
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
