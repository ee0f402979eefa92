"""Ids and masks are the numbers that a file stores, whatever they would look like."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from uniformer.dataset import DatasetError, read_annotation
from uniformer.errors import PictureError
from uniformer.label_maps import read_ids, read_mask

CASES = Path(__file__).parents[2] / "shared" / "cases" / "files"
SIZE = (16, 24)
IDS = (np.arange(16 * 24) // 7 % 16).reshape(SIZE).astype(np.uint8)
MASK = np.zeros(SIZE, dtype=bool)
MASK[3:9, 5:17] = True


def save(file, array, mode=None, **options):
    image = Image.fromarray(array) if mode is None else Image.fromarray(array, mode)
    image.save(file, **options)
    return file


def deep_png(file, values, colour, before=()):
    """A PNG of 16 bits (H, W, channels) of any kind of colour, which Pillow does not write."""
    height, width = values.shape[:2]
    write_png(
        file, [row.astype(">u2").tobytes() for row in values], width, height, 16, colour, before
    )
    return file


def grey_png(file, values, depth):
    """A grey PNG of any depth, which Pillow does not write below 8 bits."""
    rows = [int("".join(f"{v:0{depth}b}" for v in row), 2).to_bytes(len(row) * depth // 8, "big")
            for row in values]  # fmt: skip
    write_png(file, rows, values.shape[1], values.shape[0], depth, 0)
    return file


def write_png(file, rows, width, height, depth, colour, before=()):
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)),
        *before,
        (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))),
        (b"IEND", b""),
    ]
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ))  # fmt: skip


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_greys_of_every_depth_hold_the_ids_they_store(tmp_path, depth):
    ids = IDS % min(2**depth, 16)
    np.testing.assert_array_equal(read_ids(grey_png(tmp_path / "a.png", ids, depth), SIZE), ids)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palettes_hold_indices_at_every_depth_and_whatever_is_clear(tmp_path, depth):
    ids = IDS % min(2**depth, 16)
    image = Image.fromarray(ids, "P")
    image.putpalette([255, 255, 255, 0, 0, 0] + [9, 8, 7] * (2**depth - 2))
    for options in ({}, {"transparency": 1}):
        image.save(tmp_path / "a.png", bits=depth, **options)
        np.testing.assert_array_equal(read_ids(tmp_path / "a.png", SIZE), ids)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_ids_of_every_number_kind_are_read(tmp_path, kind, name):
    file = tmp_path / name
    if name == "a.tif":
        tifffile.imwrite(file, IDS.astype(kind), photometric="minisblack")
    elif kind in (np.uint8, np.uint16):
        save(file, IDS.astype(kind))
    else:
        pytest.skip("PNG has no such numbers")
    np.testing.assert_array_equal(read_ids(file, SIZE), IDS)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_tiffs_of_few_bits_are_not_scaled(tmp_path, bits):
    pytest.importorskip("imagecodecs")
    tifffile.imwrite(
        tmp_path / "a.tif", IDS % 2**bits, photometric="minisblack", bitspersample=bits
    )
    np.testing.assert_array_equal(read_ids(tmp_path / "a.tif", SIZE), IDS % 2**bits)


@pytest.mark.parametrize("largest", [15, 255, 300, 65535])
def test_pgm_ids_are_not_scaled_by_its_largest_value(tmp_path, largest):
    body = IDS.astype("u1" if largest < 256 else ">u2").tobytes()
    (tmp_path / "a.pgm").write_bytes(b"P5 24 16 %d\n" % largest + body)
    np.testing.assert_array_equal(read_ids(tmp_path / "a.pgm", SIZE), IDS)


@pytest.mark.parametrize("name", ["a.bmp", "a.gif"])
def test_other_lossless_formats_are_read(tmp_path, name):
    np.testing.assert_array_equal(read_ids(save(tmp_path / name, IDS), SIZE), IDS)


def test_true_and_false_are_one_and_zero(tmp_path):
    np.testing.assert_array_equal(read_ids(save(tmp_path / "a.png", MASK), SIZE), MASK)


def test_where_an_alpha_channel_is_clear_nothing_is_annotated(tmp_path):
    alpha = np.where(MASK, 255, 0).astype(np.uint8)
    save(tmp_path / "a.png", np.stack([IDS, alpha], axis=2), "LA")
    np.testing.assert_array_equal(read_ids(tmp_path / "a.png", SIZE), np.where(MASK, IDS, 255))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK"])
def test_colours_are_no_ids(tmp_path, mode):
    Image.fromarray(IDS).convert("RGB").convert(mode).save(tmp_path / "a.tif")
    with pytest.raises(DatasetError, match="colour picture"):
        read_annotation(tmp_path / "a.tif", SIZE, 22)


def test_a_gif_whose_greys_are_not_its_entries_is_not_guessed_at(tmp_path):
    save(tmp_path / "a.gif", IDS // 5 * 5)  # which Pillow stores as the entries 0 to 3
    with pytest.raises(PictureError, match="not known which of both are the class ids"):
        read_ids(tmp_path / "a.gif", SIZE)
    image = Image.fromarray(IDS, "P")
    image.putpalette([9, 8, 7] * 16)
    image.save(tmp_path / "a.gif")
    np.testing.assert_array_equal(read_ids(tmp_path / "a.gif", SIZE), IDS)


LOSSY = [("JPEG", "JPEG"), ("WEBP", "WebP"), ("AVIF", "AVIF"), ("JPEG2000", "JPEG 2000")]


@pytest.mark.parametrize(("kind", "word"), LOSSY)
def test_formats_that_change_values_hold_no_ids_whatever_they_are_called(tmp_path, kind, word):
    Image.fromarray(IDS).save(tmp_path / "a.png", kind)
    with pytest.raises(DatasetError, match=f"{word}, which does not keep values"):
        read_annotation(tmp_path / "a.png", SIZE, 22)


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000", "jpegxl"])
def test_a_tiff_that_is_compressed_with_loss_holds_no_ids(tmp_path, compression):
    tifffile.imwrite(tmp_path / "a.tif", IDS * 16, compression=compression)
    with pytest.raises(DatasetError, match="lossy compression, which does not keep values"):
        read_annotation(tmp_path / "a.tif", SIZE, 255)
    tifffile.imwrite(tmp_path / "m.tif", MASK.astype(np.uint8) * 255, compression=compression)
    found, notes = read_mask(tmp_path / "m.tif", SIZE)
    assert (found != MASK).mean() < 0.03
    assert "does not keep values" in notes[0]


def test_numbers_that_are_not_whole_are_no_ids(tmp_path):
    for values in (IDS + 0.5, np.full(SIZE, np.nan)):
        tifffile.imwrite(tmp_path / "a.tif", values.astype(np.float32))
        with pytest.raises(PictureError, match="not whole"):
            read_ids(tmp_path / "a.tif", SIZE)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_map_is_turned_as_its_picture_is(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    image = Image.fromarray(IDS)
    image.save(tmp_path / name, exif=exif)
    image.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_ids(tmp_path / name, expected.shape), expected)


def test_a_map_on_its_side_is_told(tmp_path):
    file = save(tmp_path / "a.png", np.ascontiguousarray(IDS.T))
    with pytest.raises(PictureError, match=r"has 16x24 pixels, but .* 24x16; it lies on its side"):
        read_ids(file, SIZE)


def painted(ground, colour, mode):
    image = np.zeros((*SIZE, len(ground)), np.uint8) + np.array(ground, np.uint8)
    image[MASK] = colour
    return Image.fromarray(image if len(ground) > 1 else image[..., 0], mode)


MASKS = {
    "white on clear": painted((0, 0, 0, 0), (255, 255, 255, 255), "RGBA"),
    "black on clear": painted((0, 0, 0, 0), (0, 0, 0, 255), "RGBA"),
    "black on clear white": painted((255, 255, 255, 0), (0, 0, 0, 255), "RGBA"),
    "half clear on clear": painted((0, 0, 0, 0), (9, 200, 9, 90), "RGBA"),
    "grey and alpha": painted((0, 0), (255, 255), "LA"),
    "opaque white on black": painted((0, 0, 0, 255), (255, 255, 255, 255), "RGBA"),
    "blue on black": painted((0, 0, 0), (0, 0, 1), "RGB"),
    "one": painted((0,), (1,), "L"),
    "three": painted((0,), (3,), "L"),
    "bits": Image.fromarray(MASK),
    "16 bits": Image.fromarray(MASK.astype(np.uint16)),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_painted_mask_is_what_was_painted(tmp_path, name, suffix):
    file = tmp_path / f"mask.{suffix}"
    MASKS[name].save(file)
    found, notes = read_mask(file, SIZE)
    np.testing.assert_array_equal(found, MASK)
    assert notes == ()


@pytest.mark.parametrize(("clear", "entry"), [(None, (0, 0, 0)), (None, (255,) * 3), (0, (0,) * 3)])
def test_entry_0_of_a_palette_is_the_ground_unless_another_one_is_clear(tmp_path, clear, entry):
    image = Image.fromarray(MASK.astype(np.uint8) * 3, "P")
    image.putpalette([*entry, 128, 0, 0, 0, 128, 0, 0, 0, 0])
    image.save(tmp_path / "a.png", **({} if clear is None else {"transparency": clear}))
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", SIZE)[0], MASK)
    image = Image.fromarray(np.where(MASK, 0, 2).astype(np.uint8), "P")
    image.putpalette([0, 128, 0, 128, 0, 0, 255, 255, 255])
    image.save(tmp_path / "a.gif", transparency=2)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.gif", SIZE)[0], MASK)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_one_clear_value_is_the_ground_at_every_depth(tmp_path, depth):
    top = min(2**depth, 16) - 1
    file = grey_png(tmp_path / "a.png", np.where(MASK, 0, top), depth)
    data = file.read_bytes()
    clear = b"tRNS" + struct.pack(">H", top)
    chunk = struct.pack(">I", 2) + clear + struct.pack(">I", zlib.crc32(clear))
    file.write_bytes(data[:33] + chunk + data[33:])
    np.testing.assert_array_equal(read_mask(file, SIZE)[0], MASK)


@pytest.mark.parametrize("orientation", [1, 6])
def test_colours_of_16_bits_keep_their_last_one(tmp_path, orientation):
    """8 bits of them, as Pillow has it, would show a mask of ones as empty and ids as colours."""
    exif = Image.Exif()
    exif[274] = orientation
    turn = [(b"eXIf", exif.tobytes()[6:])]
    mask, ids = (np.rot90(part) if orientation == 6 else part for part in (MASK, IDS))
    ones = mask.astype(int)
    deep_png(tmp_path / "rgb.png", np.dstack([ones] * 3), 2, turn)
    deep_png(tmp_path / "rgba.png", np.dstack([0 * ones] * 3 + [ones * 65535]), 6, turn)
    deep_png(tmp_path / "la.png", np.dstack([ids, ones * 65535]), 4, turn)
    deep_png(tmp_path / "trns.png", np.dstack([ones] * 3), 2, [*turn, (b"tRNS", bytes(6))])
    for name in ("rgb", "rgba", "la", "trns"):
        np.testing.assert_array_equal(read_mask(tmp_path / f"{name}.png", SIZE)[0], MASK)
    np.testing.assert_array_equal(read_ids(tmp_path / "la.png", SIZE), np.where(MASK, IDS, 255))
    with pytest.raises(PictureError, match="colour picture"):
        read_ids(tmp_path / "rgb.png", SIZE)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_masks_of_32_bits_are_read(tmp_path, kind):
    tifffile.imwrite(tmp_path / "a.tif", MASK.astype(kind), photometric="minisblack")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif", SIZE)[0], MASK)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 255), (110, 90, 90)])
def test_a_lossy_mask_is_what_is_light_with_a_word(tmp_path, kind, colour):
    large = MASKS["blue on black"].resize((240, 160), Image.Resampling.NEAREST)
    mask = np.kron(MASK, np.ones((10, 10), bool))
    pixels = np.where(mask[..., None], np.array(colour, np.uint8), np.zeros_like(large))
    Image.fromarray(pixels).save(tmp_path / "a.jpg", kind, quality=80)
    found, notes = read_mask(tmp_path / "a.jpg", mask.shape)
    assert (found != mask).mean() < 0.005
    assert "does not keep values" in notes[0]


def test_an_empty_mask_is_empty_also_when_it_is_lossy(tmp_path):
    noise = np.random.default_rng(0).integers(0, 12, (*SIZE, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    assert not read_mask(tmp_path / "a.jpg", SIZE)[0].any()
    painted((0, 0, 0, 0), (200, 0, 0, 0), "RGBA").save(tmp_path / "a.png")
    assert not read_mask(tmp_path / "a.png", SIZE)[0].any()


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "empty"), (b"version https://git-lfs.github.com/spec/v1\n", "Git-LFS"),
     (b"\x89PNG\r\n\x1a\n" + bytes(40), "damaged"), (b"II*\0\x08\0\0\0", "damaged")],
)  # fmt: skip
def test_what_is_no_map_is_named(tmp_path, content, word):
    (tmp_path / "a.png").write_bytes(content)
    for read in (read_ids, read_mask):
        with pytest.raises(PictureError, match=word):
            read(tmp_path / "a.png", SIZE)


@pytest.mark.skipif(not CASES.is_dir(), reason="the recorded cases are not here")
@pytest.mark.parametrize("name", sorted(file.name for file in CASES.glob("painted/*.*")))
def test_recorded_masks_have_their_right_pixels(name):
    file, truth = CASES / "painted" / name, np.load(CASES / "painted" / "m.npy").astype(bool)
    if name == "m.npy":
        return
    if name in ("half_size.png", "turned.png"):
        with pytest.raises(PictureError, match="a mask must be as large as the photo"):
            read_mask(file, truth.shape)
        return
    found = read_mask(file, truth.shape)[0]
    assert found.sum() == (0 if name == "empty.png" else 3000)
    if name != "empty.png":
        np.testing.assert_array_equal(found, truth)


def test_one_broken_head_is_not_the_whole_reader(tmp_path):
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, IDS, photometric="minisblack")
    for _ in range(30):
        broken = bytearray(buffer.getvalue())
        for position in rng.integers(0, 200, 4):
            broken[position] = rng.integers(256)
        (tmp_path / "a.tif").write_bytes(broken)
        try:
            read_ids(tmp_path / "a.tif", SIZE)
        except PictureError:
            continue
