"""The form of every answer to the workbench, and of what a report holds: facts as JSON, arrays raw.

A frame is the length of its header (4 bytes, little endian), the header in UTF-8, padded with
spaces to a multiple of 8 with the length, and the arrays, each padded with zeros to a multiple of
8. The header's ``arrays`` gives dtype, shape and offset of each, counted from the first array, and
``bytes`` the length of them all. ``assets/web/frames.js`` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.questions.answer import plain

ALIGNED = 8

DTYPES = ("<f4", "|u1", "<i2", "<u2", "<i4")
"""What a browser has typed arrays for."""


def frame(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> bytes:
    """Return facts and arrays as one frame; NaN and infinities among the facts are null.

    Raises ``ValueError`` for an array of another kind than :data:`DTYPES`.
    """
    described, parts, offset = {}, [], 0
    for name, array in (arrays or {}).items():
        if array.dtype.str not in DTYPES:
            raise ValueError(f"The array {name} is of {array.dtype}, which no browser reads.")
        described[name] = {"dtype": array.dtype.str, "shape": list(array.shape), "offset": offset}
        data = np.ascontiguousarray(array).tobytes()
        parts += [data, bytes(-len(data) % ALIGNED)]
        offset += len(data) + -len(data) % ALIGNED
    content = {**plain(facts), "arrays": described, "bytes": offset}
    header = json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    header += b" " * (-(4 + len(header)) % ALIGNED)
    return b"".join([len(header).to_bytes(4, "little"), header, *parts])
