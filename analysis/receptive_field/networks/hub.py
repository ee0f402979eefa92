"""Files of the Hugging Face Hub: from the cache at once, else downloaded, else refused at once."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import LocalEntryNotFoundError

from analysis.core.errors import AnalysisError

TIMEOUT_SECONDS = 5


def hub_file(repo_id: str, filename: str) -> Path:
    """Return the local copy of a file, downloading it if need be.

    The Hub is asked once, briefly, before the download: that by itself would try again for most of
    a minute where there is no network. Raises :class:`AnalysisError` if the file cannot be had.
    """
    try:
        return Path(hf_hub_download(repo_id, filename, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    try:
        HfApi().model_info(repo_id, timeout=TIMEOUT_SECONDS)
        return Path(hf_hub_download(repo_id, filename))
    except Exception as error:  # which transport raises differs between versions
        raise AnalysisError(
            f"{repo_id} is not in the cache and could not be downloaded ({type(error).__name__})"
        ) from error
