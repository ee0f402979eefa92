"""Files that somebody might send as a picture to break something; made anew, the same each time.

Names say the format and what is wrong with it.
"""

from __future__ import annotations

import io
import itertools
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms, features

File = tuple[str, bytes]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
FLIPS = 12
HEAD_CUTS = (1, 2, 3, 4, 8, 12, 16, 24, 33, 48)


def corpus() -> dict[str, dict[str, bytes]]:
    """Return every file: name and content, by what is wrong with them."""
    parts = (truncated, flipped, chunks, bombs, strips, metadata, kinds, renamed, odd)
    return {part.__name__: dict(part()) for part in parts}


def encode(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def photo(width: int = 48, height: int = 32, seed: int = 0) -> Image.Image:
    """Return noise over a gradient, so that compression has something to say."""
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(seed)
    base = np.stack([255 * x / width, 255 * y / height, 127 + 0 * x], axis=-1)
    return Image.fromarray((base * 0.8 + 51 * rng.random(base.shape)).astype(np.uint8))


def seeds() -> dict[str, bytes]:
    """Return one sound picture in every format that can be written here."""
    formats = ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "ICO"]
    formats += ["JPEG2000"] if features.check("jpg_2000") else []
    formats += ["AVIF"] if features.check("avif") else []
    return {kind: encode(photo(), kind) for kind in formats}


def truncated() -> Iterator[File]:
    """Cut every format in its head, at quarters, and by one byte; PNG and JPEG at every part."""
    for kind, data in seeds().items():
        cuts = {*HEAD_CUTS, *(len(data) * n // 4 for n in (1, 2, 3)), len(data) - 1}
        if kind in ("PNG", "JPEG"):
            bounds = png_bounds(data) if kind == "PNG" else jpeg_bounds(data)
            cuts |= {bound + step for bound in bounds for step in (-1, 0, 1)}
        for cut in sorted(cut for cut in cuts if 0 < cut < len(data)):
            yield f"{kind.lower()}-cut-at-{cut}", data[:cut]


def flipped() -> Iterator[File]:
    """Flip single bits of the head, then several bits anywhere."""
    rng = np.random.default_rng(1)
    for kind, data in seeds().items():
        for number in range(FLIPS):
            broken = bytearray(data)
            reach = min(len(data), 64) if number % 2 else len(data)
            for position in rng.integers(0, reach, size=1 + number):
                broken[position] ^= 1 << int(rng.integers(8))
            yield f"{kind.lower()}-flipped-{number}", bytes(broken)


def chunks() -> Iterator[File]:
    """Leave out, repeat and swap the parts of a PNG."""
    data = encode(photo(), "PNG")
    bounds = png_bounds(data)
    parts = [data[a:b] for a, b in itertools.pairwise(bounds)]
    for number in range(len(parts)):
        others = parts[:number] + parts[number + 1 :]
        yield f"png-without-part-{number}", SIGNATURE + b"".join(others)
        twice = [*parts[: number + 1], *parts[number:]]
        yield f"png-with-part-{number}-twice", SIGNATURE + b"".join(twice)
    yield "png-in-reverse", SIGNATURE + b"".join(reversed(parts))


def bombs() -> Iterator[File]:
    """Be small and claim, or turn out, to be huge."""
    for width, height in ((2**31 - 1, 2**31 - 1), (60000, 60000), (32769, 64), (10**6, 1), (0, 9)):
        yield f"png-claims-{width}x{height}", png(width, height, zlib.compress(bytes(100)))
    much = zlib.compress(bytes(300 * 2**20), 1)
    yield "png-64x64-with-300-MB-of-pixels", png(64, 64, much)
    text = chunk(b"zTXt", b"note\0\0" + much)
    yield "png-with-300-MB-of-text", png(64, 64, pixels(64, 64), text)
    profile = chunk(b"iCCP", b"p\0\0" + much)
    yield "png-with-300-MB-of-profile", png(64, 64, pixels(64, 64), profile)
    yield "gif-claims-65535x65535", b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(40)
    yield "bmp-claims-2-thousand-million", bmp_head(2**31 - 1, 1)
    yield "bmp-claims-minus-one", bmp_head(-1, -1)
    yield "ppm-claims-999999x999999", b"P6 999999 999999 255\n" + bytes(99)
    yield "ppm-claims-words", b"P6 many more 255\n" + bytes(99)
    yield "png-black-16-megapixels", encode(Image.new("1", (4000, 4000)), "PNG")


def strips() -> Iterator[File]:
    """Be thin, tiny or just possible."""
    for width, height in ((30000, 1), (1, 30000), (30000, 8), (1, 1), (7, 7), (8, 8), (8, 512)):
        for kind in ("PNG", "TIFF"):
            yield f"{kind.lower()}-{width}x{height}", encode(Image.new("L", (width, height)), kind)


def metadata() -> Iterator[File]:
    """Carry huge, nonsensical or damaged EXIF and colour profiles."""
    for value in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = value
        yield f"jpeg-orientation-{value}", encode(photo(), "JPEG", exif=exif)
    for name, body in {
        "of-60-kB": bytes(60000),
        "of-words": b"Exif\0\0II*\0\xff\xff\xff\xff",
        "that-points-to-itself": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0",
        "empty": b"",
    }.items():
        yield f"jpeg-exif-{name}", encode(photo(), "JPEG", exif=body)
    yield "png-exif-of-8-MB", png(64, 64, pixels(64, 64), chunk(b"eXIf", bytes(8 * 2**20)))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        yield f"{kind.lower()}-icc", encode(photo(), kind, icc_profile=profile)
        yield f"{kind.lower()}-icc-cut", encode(photo(), kind, icc_profile=profile[:99])
        yield f"{kind.lower()}-icc-zeros", encode(photo(), kind, icc_profile=bytes(3000))


def kinds() -> Iterator[File]:
    """Be sound, of a less common kind."""
    image = photo()
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F", "PA"):
        source = image.convert("L") if mode in ("I;16", "I", "F") else image
        for kind in ("PNG", "TIFF", "JPEG", "WEBP"):
            try:
                yield f"{kind.lower()}-{mode}", encode(convert(source, mode), kind)
            except (OSError, ValueError):  # this format has no such kind
                continue
    ramp = np.linspace(0, 65535, 48 * 32).reshape(32, 48)
    for name, values in {
        "16-bit": ramp.astype(np.uint16),
        "nan": np.full((32, 48), np.nan, np.float32),
        "infinite": np.full((32, 48), np.inf, np.float32),
        "huge": np.where(ramp > 9, 3e38, -3e38).astype(np.float32),
        "negative": -ramp.astype(np.int32),
    }.items():
        yield f"tiff-{name}", encode(Image.fromarray(values), "TIFF")
    frames = [photo(seed=number) for number in range(60)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        yield f"{kind.lower()}-of-60-frames", data
        yield f"{kind.lower()}-of-60-frames-cut", data[: len(data) // 2]


def renamed() -> Iterator[File]:
    """Be something else altogether."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(10**6))
    yield from {
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "svg-entities": b"<!DOCTYPE s [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><svg>&b;</svg>",
        "html": b"<!doctype html><title>404</title><script>alert(1)</script>",
        "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n",
        "zip": archive.getvalue(),
        "pickle": pickle.dumps({"a": 1}),
        "json": b'{"a": [1, 2, 3]}',
        "csv": b"a,b\n1,2\n",
        "script": b"#!/bin/sh\nexit 0\n",
        "elf": b"\x7fELF\x02\x01\x01" + bytes(200),
        "mp4": b"\0\0\0\x18ftypmp42" + bytes(200),
        "wav": b"RIFF$\0\0\0WAVEfmt " + bytes(40),
        "riff-webp-empty": b"RIFF\x04\0\0\0WEBP",
        "safetensors": struct.pack("<Q", 2) + b"{}",
        "text": "Ceci n'est pas une image. 这不是图片。".encode(),
        "windows-metafile": b"\xd7\xcd\xc6\x9a" + bytes(200),
        "fli": b"\0\0\0\0\x11\xaf" + bytes(200),
    }.items()


def odd() -> Iterator[File]:
    """Be empty, blank, random, or a picture with something before or behind it."""
    rng = np.random.default_rng(2)
    for size in (0, 1, 7, 1000, 10**6):
        yield f"zeros-{size}", bytes(size)
        yield f"random-{size}", rng.bytes(size)
    for kind, data in seeds().items():
        yield f"{kind.lower()}-after-a-newline", b"\n" + data
        yield f"{kind.lower()}-before-a-script", data + b"<script>alert(1)</script>" * 100
    gif, jpeg = seeds()["GIF"], seeds()["JPEG"]
    yield "gif-head-on-jpeg", gif[:10] + jpeg
    yield "jpeg-in-jpeg", jpeg[:200] + jpeg + jpeg[200:]


def convert(image: Image.Image, mode: str) -> Image.Image:
    if mode == "LAB":
        return Image.new("LAB", image.size, (128, 9, 9))
    if mode == "PA":
        return image.convert("P").convert("PA")
    if mode == "I;16":
        return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    return image.convert(mode)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def pixels(width: int, height: int) -> bytes:
    return zlib.compress(bytes(height * (1 + 3 * width)))


def png(width: int, height: int, data: bytes, extra: bytes = b"") -> bytes:
    """Return a PNG of 8-bit RGB that claims a size, with ``data`` as its compressed pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return SIGNATURE + head + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp_head(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 154, 0, 0, 54) + info + bytes(100)


def png_bounds(data: bytes) -> list[int]:
    """Return where the chunks of a PNG begin, and where the last ends."""
    bounds = [len(SIGNATURE)]
    while bounds[-1] < len(data):
        (length,) = struct.unpack(">I", data[bounds[-1] : bounds[-1] + 4])
        bounds.append(bounds[-1] + 12 + length)
    return bounds


def jpeg_bounds(data: bytes) -> list[int]:
    """Return where the segments of a JPEG begin, up to its pixels."""
    bounds = [2]
    while data[bounds[-1] + 1] != 0xDA:  # start of scan
        (length,) = struct.unpack(">H", data[bounds[-1] + 2 : bounds[-1] + 4])
        bounds.append(bounds[-1] + 2 + length)
    return bounds
