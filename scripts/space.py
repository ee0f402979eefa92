"""Put the app on a Hugging Face Space: python scripts/space.py user/name [--dry-run].

With --live FOLDER it is the live edition, on a static Space, which costs nothing and never sleeps.
Log in first with `hf auth login`. The dry run lists what would go and asks nobody.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError
from huggingface_hub.utils import filter_repo_objects, validate_repo_id

ROOT = Path(__file__).parent.parent

PARTS = (
    "README.md",
    "LICENSE",
    "CITATION.cff",
    "app.py",
    "requirements.txt",
    "uniformer/*.py",
    "uniformer/data/*.json",
    "uniformer/data/*.safetensors",
    "analysis/*.py",
    "ui/*.py",
    "ui/messages/*.json",
    "assets/*",
    "docs/*.md",
)
"""What the app needs and nothing else; a star also stands for folders."""

NEVER = ("*/.*", "*.part")


EVERYTHING = ("*",)
"""Of a folder that was written to be published."""


def listed(root: Path, parts: Sequence[str] = PARTS) -> list[str]:
    """Return what would go, as paths below ``root`` in alphabetical order."""
    files = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(
        filter_repo_objects(files, allow_patterns=list(parts), ignore_patterns=list(NEVER))
    )


def upload(repo: str, root: Path, parts: Sequence[str] = PARTS, sdk: str = "gradio") -> str:
    """Make the Space ``repo`` equal to ``root``, as far as listed, and return its address."""
    api = HfApi()
    api.create_repo(repo, repo_type="space", space_sdk=sdk, exist_ok=True)
    api.upload_folder(
        repo_id=repo,
        repo_type="space",
        folder_path=root,
        allow_patterns=list(parts),
        ignore_patterns=list(NEVER),
        delete_patterns="*",
        commit_message="Update the app",
    )
    return f"https://huggingface.co/spaces/{repo}"


def main() -> int:
    """Upload, or list what would go; failures are one sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repo", help="user/name of the Space; made if it is not there")
    parser.add_argument(
        "--live", type=Path, metavar="FOLDER", help="a folder that `python -m analysis live` wrote"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list what would go")
    options = parser.parse_args()
    root, parts, sdk = ROOT, PARTS, "gradio"
    if options.live:
        root, parts, sdk = options.live, EVERYTHING, "static"
    try:
        if options.live and not (root / "live.json").is_file():
            raise HFValidationError(f"{root} is no live edition: run python -m analysis live.")
        validate_repo_id(options.repo)
        if options.repo.count("/") != 1:
            raise HFValidationError(f"{options.repo!r} is not of the form user/name.")
        if not options.dry_run:
            print(upload(options.repo, root, parts, sdk))
            return 0
    except (HFValidationError, LocalTokenNotFoundError, HfHubHTTPError, OSError) as error:
        print(f"space.py: {str(error).strip().splitlines()[0]}", file=sys.stderr)
        return 1
    sizes = {name: (root / name).stat().st_size for name in listed(root, parts)}
    for name, size in sizes.items():
        print(f"{size:>10,}  {name}")
    print(f"{sum(sizes.values()):>10,}  bytes in {len(sizes)} files would go to {options.repo}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
