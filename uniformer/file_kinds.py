"""What a file is, by its first bytes: for sentences that say so, whatever its name claims."""

from __future__ import annotations

import re

HEAD_BYTES = 1024
"""How much of a file :func:`kind_of` needs."""

_STARTS = (
    (b"version https://git-lfs.github.com/spec/", "a Git-LFS pointer, not the file it stands for"),
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"8BPS", "a Photoshop document (PSD)"),
    (b"gimp xcf", "a GIMP document (XCF)"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"SIMPLE  =", "a FITS file"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"GGUF", "a GGUF model"),
    (b"qoif", "a QOI picture"),
    (b"DDS ", "a DDS texture"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"P7\n", "a PAM picture"),
    (b"PF\n", "a PFM picture in colours"),
    (b"MATLAB 5", "a MATLAB file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x1aE\xdf\xa3", "a film (Matroska or WebM)"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file (RAF)"),
    (b"IIRO", "a camera's raw file (ORF)"),
    (b"IIU\x00", "a camera's raw file (RW2)"),
    (b"FOVb", "a camera's raw file (X3F)"),
)

_ONNX = re.compile(rb"\x08[\x01-\x20]\x12[\x01-\x20][\x20-\x7e]{3}")
"""The version of the format, then who produced it."""

_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
)

_HEIF_BRANDS = ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")
_FILM_BRANDS = (
    *("isom", "iso2", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1"),
    *("qt  ", "M4V ", "MSNV", "3gp4", "3gp5", "3gp6"),
)


def picture_format(head: bytes) -> str | None:
    """Return the picture format (Pillow's name, or ``HEIF``) that a file begins as, if any."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if (brand := _brand(head)) in ("avif", "avis"):
        return "AVIF"
    if brand in _HEIF_BRANDS:
        # mif1 is any picture of the family: the other brands tell which.
        return "AVIF" if b"avif" in head[:64] else "HEIF"
    return next((name for start, name in _PICTURES if head.startswith(start)), None)


def raw_kind(head: bytes) -> str | None:
    """Return what a camera's raw file is called, for those that are not told by TIFF's tags."""
    if head[8:11] == b"CR\x02":
        return "a camera's raw file (CR2)"
    if _brand(head) == "crx ":
        return "a camera's raw file (CR3)"
    kind = next((words for start, words in _STARTS if head.startswith(start)), "")
    return kind if "raw file" in kind else None


def kind_of(head: bytes) -> str | None:
    """Return what a file that is none of the expected ones is, in words, from its first bytes.

    None where that is not known.
    """
    if raw := raw_kind(head):
        return raw
    if head[128:132] == b"DICM":
        return "a DICOM file"
    if head[257:262] == b"ustar":
        return "a tar archive"
    if _ONNX.match(head):
        return "an ONNX model"
    if _brand(head) in _FILM_BRANDS or (head[:4] == b"RIFF" and head[8:11] == b"AVI"):
        return "a film"
    for start, words in _STARTS:
        if head.startswith(start):
            return words
    return _text_kind(head)


def _text_kind(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:512].lower()
    if b"<svg" in text:
        return "an SVG drawing"
    if text.startswith(b"<!--") and b"<html" in text:
        text = b"<html"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page (HTML), perhaps an error saved in place of the file"
    if text.startswith(b"<?xml"):
        return "an XML document"
    if text.startswith((b'{"', b"{\n", b"{ ")):
        return "a JSON document"
    return None


def _brand(head: bytes) -> str | None:
    """Return the major brand of a file of the ISO base media family."""
    return head[8:12].decode("latin-1") if head[4:8] == b"ftyp" else None
