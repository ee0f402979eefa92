"""What the host of a page can decide, by flag or by environment variable."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from uniformer.pictures import MAX_FILE_BYTES, MAX_PIXELS

PREFIX = "UNIFORMER_LENS_"
WEEK_SECONDS = 7 * 24 * 3600
_LOCAL = (None, "localhost", "127.0.0.1", "::1", "[::1]")
_ORIGINS = r"^(https?://[\w.:-]+(,https?://[\w.:-]+)*)?$"

LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(lambda given: given.lower() if isinstance(given, str) else given),
]
Weights = Annotated[str | None, BeforeValidator(lambda given: None if given == "none" else given)]


def _setting(default: Any, meaning: str, accepted: str, **bounds: Any) -> Any:
    """Describe a setting: what it means, and in words what it may be."""
    return Field(default, description=meaning, json_schema_extra={"accepted": accepted}, **bounds)


def _whole(default: int | None, meaning: str, low: int, high: int) -> Any:
    return _setting(default, meaning, f"a whole number from {low} to {high}", ge=low, le=high)


class Settings(BaseModel):
    """Everything a host decides about one server; docs/configuration.md has the table.

    Each is a flag (``--store-bytes``) and an environment variable
    (``UNIFORMER_LENS_STORE_BYTES``), which :func:`read_settings` reads; made in Python, neither
    matters. Raises ``ValueError`` with the accepted range for a value outside of it. None leaves a
    choice to the library or, for ``weights``, means untrained.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    model: str = _setting(
        "nano", "model at the start", "a name that `models` lists", pattern=r"^\S+$"
    )
    weights: Weights = _setting(
        "default",
        "weights of that model",
        "default, none (untrained), a .pth or .safetensors file, or a Hub id owner/repo/file",
    )
    device: str = _setting(
        "cpu", "where models run", "cpu, cuda, cuda:N or auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$"
    )
    models_in_memory: int = _whole(2, "models kept loaded, most recent first", 1, 16)
    host: str | None = _setting(
        None,
        "address to listen on; 127.0.0.1 by default",
        "an address",
        pattern=r"^[\w.:\[\]-]+$",
    )
    port: int | None = _whole(None, "port; the first free one from 7860 by default", 1, 65535)
    host_names: str = _setting(
        "",
        "names it answers to besides localhost; any (*) if host is not of this computer alone",
        "names separated by commas, or *",
        pattern=r"^(\*|[\w.-]+(,[\w.-]+)*)?$",
    )
    origins: str = _setting(
        "",
        "other sites whose pages may show it in a frame and send it requests",
        "origins such as https://example.org, separated by commas",
        pattern=_ORIGINS,
    )
    root_path: str = _setting(
        "",
        "where a proxy puts the page",
        "empty, a path like /lens, or an http(s) address",
        pattern=r"^(https?:/)?(/[\w.:~-]+)*$",
    )
    upload_bytes: int = _whole(
        MAX_FILE_BYTES, "largest file a visitor may send", 1024, MAX_FILE_BYTES
    )
    picture_pixels: int = _whole(24 * 10**6, "largest picture a visitor may open", 64, MAX_PIXELS)
    files_bytes: int = _whole(2**32, "disk for the files of all visitors together", 2**20, 2**40)
    store_bytes: int = _whole(
        2**30, "memory for the results of all visitors together", 2**20, 2**40
    )
    store: str = _setting(
        "",
        "folder in which servers share results, at most files_bytes; by default none",
        "a folder in one line",
        pattern=r"^[^\x00-\x1f]*$",
    )
    store_seconds: float = _setting(
        3600.0,
        "how long results and uploads are kept without use",
        f"a number from 1 to {WEEK_SECONDS}",
        ge=1,
        le=WEEK_SECONDS,
        allow_inf_nan=False,
    )
    queue_size: int = _whole(64, "requests that may wait", 1, 10000)
    concurrency: int = _whole(2, "requests that work at the same time", 1, 64)
    threads: int | None = _whole(None, "threads of one computation; all cores by default", 1, 1024)
    auth: str | None = _setting(
        None,
        "who may enter; everybody by default",
        "user:password, both at least one character",
        pattern=r"^[^:\s]+:.+$",
        repr=False,
    )
    offline: bool = _setting(False, "never ask the Hugging Face Hub", "on or off")
    log_level: LogLevel = _setting(
        "warning", "what is logged; info has requests", "one of debug, info, warning, error"
    )
    mcp: bool = _setting(True, "offer the endpoints to agents over MCP as well", "on or off")

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise ValueError(self._refusal(error, given)) from None

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

    @classmethod
    def _refusal(cls, error: ValidationError, given: dict[str, Any]) -> str:
        """Return one sentence on the first value that cannot be."""
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        if name not in cls.model_fields:
            return f"There is no setting {name}."
        shown = "refused" if name == "auth" else repr(first["input"])  # no password is repeated
        accepted = accepted_words(cls.model_fields[name])
        return f"{cls._given_as(name, given)} is {shown}: it must be {accepted}."

    @classmethod
    def _given_as(cls, name: str, given: dict[str, Any]) -> str:
        return name


class _Read(Settings, BaseSettings):
    """Settings as text: flags, given by name, else the environment, else the host's defaults."""

    model_config = SettingsConfigDict(strict=False, env_prefix=PREFIX, env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        *files: PydanticBaseSettingsSource,
        **more_files: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read flags before the environment, and that before what is usual on a host."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, host_defaults())

    @classmethod
    def _given_as(cls, name: str, given: dict[str, Any]) -> str:
        return flag_name(name) if name in given else variable_name(name)


def read_settings(arguments: Sequence[str]) -> Settings:
    """Return the settings of a command line: flags, else the environment, else the host's defaults.

    An empty variable counts as absent. Raises ``ValueError``, one sentence with the accepted range,
    and ``SystemExit`` for ``--help`` and unknown flags, as argparse does.
    """
    flags = vars(_parser().parse_args(arguments))
    read = _Read(**{name: text for name, text in flags.items() if text is not None})
    return Settings(**read.model_dump())


def host_defaults() -> dict[str, Any]:
    """Return what differs from the defaults on a known host: on Spaces, where visitors come in."""
    if "SPACE_ID" in os.environ:
        frame = {"origins": "https://huggingface.co"}
        return {"host": "0.0.0.0", "port": 7860, "log_level": "info", **frame}
    return {}


def variable_name(name: str) -> str:
    """Return the environment variable of the setting called ``name``."""
    return PREFIX + name.upper()


def flag_name(name: str) -> str:
    """Return the flag of the setting called ``name``."""
    return "--" + name.replace("_", "-")


def accepted_words(entry: FieldInfo) -> str:
    """Return in words what a setting may be."""
    extra = entry.json_schema_extra
    assert isinstance(extra, dict)  # as _setting made it
    return str(extra["accepted"])


def settings_table() -> str:
    """Return the table of docs/configuration.md: every setting, what it means and may be."""
    lines = ["| flag | variable | meaning | accepted | default |", "|---|---|---|---|---|"]
    lines += [
        f"| `{flag_name(name)}` | `{variable_name(name)}` "
        f"| {entry.description} | {accepted_words(entry)} | {_shown(entry.default)} |"
        for name, entry in Settings.model_fields.items()
    ]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="Serve the page, then open the address it prints.",
        epilog=f"Each flag is also an environment variable: --port is {variable_name('port')}.",
        allow_abbrev=False,
    )
    for name, entry in Settings.model_fields.items():
        switch: dict[str, Any] = {}
        if entry.annotation is bool:
            switch = {"nargs": "?", "const": "on"}
        words = f"{entry.description}: {accepted_words(entry)}"
        parser.add_argument(flag_name(name), metavar="VALUE", help=words, **switch)
    return parser


def _shown(default: Any) -> str:
    """Return a default as a cell of the table."""
    if default in (None, ""):
        return "-"
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
