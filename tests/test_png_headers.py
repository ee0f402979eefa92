"""PNG and PGM: what header and chunks say is believed, and damage hides no picture."""

import struct
import zlib

import numpy as np
import pytest
from small_picture import GREY, colours, refusal, shown

from uniformer.pictures import open_picture


def png(depth, colour, rows, *extra, wrong=()):
    """A PNG of given rows of bytes, with extra chunks (kind, body), some with a wrong checksum."""

    def chunk(kind, body):
        crc = zlib.crc32(kind + body) ^ (kind in wrong)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", 40, 24, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [(b"IHDR", header), *extra, (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def rgb_rows():
    return [row.tobytes() for row in colours()]


@pytest.mark.parametrize("kind", [b"tEXt", b"tIME", b"gAMA", b"pHYs", b"iCCP", b"eXIf", b"tRNS"])
def test_a_wrong_checksum_of_a_chunk_that_is_not_needed_hides_no_picture(kind):
    shown(png(8, 2, rgb_rows(), (kind, b"\0" * 12), wrong={kind}), colours(), within=0)


def test_a_wrong_checksum_of_the_header_is_damage():
    message = refusal(png(8, 2, rgb_rows(), wrong={b"IHDR"}))
    assert "damaged" in message
    assert "format" not in message


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_value_of_grey_is_white_at_every_depth(depth):
    top = 2**depth - 1
    values = (np.arange(40) % 2 * top).astype(np.uint16)
    bits = "".join(f"{value:0{depth}b}" for value in values)
    row = int(bits, 2).to_bytes(len(bits) // 8, "big")
    data = png(depth, 0, [row] * 24, (b"tRNS", struct.pack(">H", 0)))
    assert (open_picture(data) == 255).all()
    assert (open_picture(png(depth, 0, [row] * 24))[:, ::2] == 0).all()


def test_the_transparent_colour_of_16_bit_rgb_is_white():
    row = np.array([[1000, 2000, 3000], [65535, 0, 0]] * 20, dtype=">u2").tobytes()
    data = png(16, 2, [row] * 24, (b"tRNS", struct.pack(">HHH", 1000, 2000, 3000)))
    picture = open_picture(data)
    assert (picture[:, ::2] == 255).all()
    assert (picture[:, 1::2] == [255, 0, 0]).all()


@pytest.mark.parametrize("colour", [0, 2])
def test_nearly_black_16_bit_pngs_stay_so_with_a_word(colour):
    row = np.full(40 * (1 if colour == 0 else 3), 1023, dtype=">u2").tobytes()
    assert "nearly black" in shown(png(16, colour, [row] * 24), np.full((24, 40), 4), notes=1)
    row = np.full(40 * (1 if colour == 0 else 3), 30000, dtype=">u2").tobytes()
    shown(png(16, colour, [row] * 24), np.full((24, 40), 117))


@pytest.mark.parametrize("largest", [255, 1023, 4095, 65535])
def test_pgm_and_png_of_one_picture_look_alike(largest):
    """The header of a PGM says what is white, however dark the picture."""
    values = (GREY.astype(float) / 255 * 200).astype(np.uint16)
    pgm = b"P5 40 24 %d\n" % largest
    pgm += values.astype("u1" if largest < 256 else ">u2").tobytes()
    expected = np.rint(values * (255 / largest))
    assert np.abs(open_picture(pgm)[..., 0] - expected).max() <= 1
    if largest == 65535:
        deep = png(16, 0, [row.astype(">u2").tobytes() for row in values])
        np.testing.assert_array_equal(open_picture(pgm), open_picture(deep))
