"""A picture is what its header says; what no header says is told as a note, or refused."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from small_picture import GREY, colours, refusal, shown

from uniformer.pictures import PictureError, open_picture, read_picture

CASES = Path(__file__).parents[2] / "shared" / "cases" / "files"


def tiff(values, **options):
    file = io.BytesIO()
    options.setdefault("photometric", "rgb" if values.ndim == 3 else "minisblack")
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("kind", ["u2", "f4", "f8"])
@pytest.mark.parametrize("layout", ["whole", "strips", "tiles", "deflate", "planes", "apart tiles"])
def test_deep_colours_are_the_same_however_they_are_stored(layout, kind, byteorder):
    deep = colours() / 255.0 if kind[0] == "f" else colours().astype(int) * 257
    deep = deep.astype(kind)
    options = {
        "whole": {},
        "strips": {"rowsperstrip": 5},
        "tiles": {"tile": (16, 16)},
        "deflate": {"compression": "zlib", "predictor": kind != "f8"},
        "planes": {"planarconfig": "separate"},
        "apart tiles": {"planarconfig": "separate", "tile": (16, 16)},
    }[layout]
    if "planarconfig" in options:
        deep = np.moveaxis(deep, 2, 0).copy()
    shown(tiff(deep, byteorder=byteorder, **options), colours())


@pytest.mark.parametrize("bits", [10, 12, 14, 15])
def test_a_depth_that_the_header_gives_is_no_assumption(bits):
    pytest.importorskip("imagecodecs")
    packed = tiff((GREY.astype(np.uint16) << 8) >> (16 - bits), bitspersample=bits)
    assert "bits" not in shown(packed, GREY, within=2)


@pytest.mark.parametrize("lightest", [255, 1023, 4095, 16383])
def test_sensor_depths_in_16_bit_tiffs_are_told(lightest):
    values = np.rint(GREY / 255 * lightest).astype(np.uint16)
    assert f"{lightest} is white" in shown(tiff(values), GREY, notes=1)
    whole = np.where(GREY == 255, 65535, values).astype(np.uint16)
    assert not read_picture(tiff(whole)).notes


def test_the_largest_sample_that_a_header_gives_is_white():
    values = np.rint(GREY / 255 * 3000).astype(np.uint16)
    told = tiff(values, extratags=[(281, "H", 1, 3000, True)])
    shown(told, GREY)


@pytest.mark.parametrize("lightest", [1.0, 1.0001, 1.02, 1.5, 100.0, 255.4, 65535.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_floats_a_little_above_their_white_do_not_turn_black(lightest, channels):
    picture = colours() if channels == 3 else GREY
    values = (picture / 255.0 * lightest / (picture.max() / 255.0)).astype(np.float32)
    shown(tiff(values), picture, notes=int(lightest > 1))


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.uint32])
@pytest.mark.parametrize("lightest", [255, 256, 1023, 4095])
def test_whole_numbers_above_8_bits_do_not_turn_black(kind, lightest):
    values = np.rint(GREY / 255 * lightest).astype(kind)
    shown(tiff(values), GREY, notes=int(lightest > 255))


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    "missing",
    [-9999.0, -32768.0, np.finfo(np.float32).min, np.finfo(np.float32).max, np.float32(9.96921e36)],
)
def test_no_data_takes_no_part_in_the_scale(missing, declared):
    values = (GREY / 255).astype(np.float32)
    values[:4, :4] = missing
    tags = [(42113, "s", 0, f"{missing!r}".removeprefix("np.float32(").rstrip(")"), True)]
    picture = read_picture(tiff(values, extratags=tags if declared else []))
    assert np.abs(picture.pixels[4:, 4:, 0].astype(int) - GREY[4:, 4:]).max() <= 1
    assert "16 of its pixels" in picture.notes[0]
    assert ("header" in picture.notes[0]) == declared


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_no_data_of_whole_numbers_is_what_the_header_calls_it(kind):
    values = colours().astype(kind) * (257 if kind == np.uint16 else 1)
    values[:4] = 0
    picture = read_picture(tiff(values, extratags=[(42113, "s", 0, "0", True)]))
    assert np.abs(picture.pixels[4:].astype(int) - colours()[4:]).max() <= 1
    assert (picture.pixels[:4] == picture.pixels[0, 0]).all()
    assert picture.pixels[0, 0].min() > 0
    values[:] = 0
    assert "no pixel" in refusal(tiff(values, extratags=[(42113, "s", 0, "0", True)]))


def test_not_a_number_is_no_data_only_where_the_header_says_so():
    values = (GREY / 255).astype(np.float32)
    values[0, 0] = np.nan
    assert "not numbers" in refusal(tiff(values))
    assert read_picture(tiff(values, extratags=[(42113, "s", 0, "nan", True)])).notes


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32, np.float32])
def test_white_is_zero_is_not_shown_as_the_negative(kind):
    full = 1.0 if kind == np.float32 else 2.0 ** (8 * np.dtype(kind).itemsize) - 1
    values = ((255 - GREY.astype(float)) / 255 * full).astype(kind)
    values[0, 0] = full
    expected = GREY.copy()
    expected[0, 0] = 0
    data = tiff(values, photometric="miniswhite")
    assert np.abs(open_picture(data)[..., 0].astype(int) - expected).max() <= 1


def test_an_opened_image_that_pillow_misreads_is_refused(tmp_path):
    file = tmp_path / "deep.tif"
    file.write_bytes(tiff(np.moveaxis(colours().astype(np.uint16) * 257, 2, 0).copy(),
                          planarconfig="separate"))  # fmt: skip
    assert "give its path" in refusal(Image.open(file))
    shown(file, colours())


@pytest.mark.parametrize("bands", [3, 4, 5, 8])
def test_bands_without_a_name_are_taken_for_colours_with_a_word(bands):
    values = np.concatenate([colours(), np.zeros((24, 40, bands - 3), np.uint8)], axis=2)
    for deep in (values, values.astype(np.uint16) * 257):
        notes = shown(tiff(deep, photometric="minisblack", planarconfig="contig"), colours(),
                      notes=1)  # fmt: skip
        assert f"its {bands} bands" in notes


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_further_bands_of_a_colour_picture_are_left_out_with_a_word(kind):
    values = np.concatenate([colours(), colours()[..., :2]], axis=2).astype(kind)
    values *= 257 if kind == np.uint16 else 1
    data = tiff(values, extrasamples=["unspecified", "unspecified"], planarconfig="contig")
    assert "2 of its bands" in shown(data, colours(), notes=1)


@pytest.mark.parametrize(
    ("kind", "deep", "notes"),
    [("unassalpha", np.uint16, 0), ("assocalpha", np.uint16, 0),
     ("unassalpha", np.float32, 0), ("assocalpha", np.float32, 0),
     # Of signed numbers no header says which is white.
     ("unassalpha", np.int16, 1), ("unassalpha", np.int32, 1)],
)  # fmt: skip
def test_alpha_of_deep_tiffs_is_laid_on_white(kind, deep, notes):
    full = 1.0 if deep == np.float32 else np.iinfo(deep).max
    alpha = np.zeros((24, 40, 1))
    alpha[:, 20:], alpha[:, 30:] = 0.5, 1
    own = colours() / 255 * (alpha if kind == "assocalpha" else 1)
    values = (np.concatenate([own, alpha], axis=2) * full).astype(deep)
    data = tiff(values, extrasamples=[kind], planarconfig="contig")
    shown(data, np.rint(colours() * alpha + 255 * (1 - alpha)), notes=notes)


def pages(*given):
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for values, options in given:
            writer.write(values, photometric="rgb", **options)
    return file.getvalue()


@pytest.mark.parametrize("deep", [1, 257])
def test_a_preview_in_front_is_not_the_picture(deep):
    kind = np.uint8 if deep == 1 else np.uint16
    preview = np.zeros((12, 20, 3), np.uint8)
    full = colours().astype(kind) * kind(deep)
    behind = pages((preview, {"subfiletype": 1}), (full, {}))
    assert "preview" in shown(behind, colours(), notes=1)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(preview, photometric="rgb", subfiletype=1, subifds=1)
        writer.write(full, photometric="rgb", subfiletype=0)
    assert "preview" in shown(file.getvalue(), colours(), notes=1)


def test_several_pages_are_told_and_reduced_copies_behind_are_not():
    small = np.zeros((12, 20, 3), np.uint8)
    assert "several pages" in shown(pages((colours(), {}), (small, {})), colours(), notes=1)
    shown(pages((colours(), {}), (small, {"subfiletype": 1})), colours())
    alone = pages((colours(), {"subfiletype": 1}))
    assert "reduced copy" in shown(alone, colours(), notes=1)


def camera_raw():
    """As NEF and DNG are built: a preview, and a sensor's values below it."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(np.zeros((12, 20, 3), np.uint8), photometric="rgb", subfiletype=1, subifds=1)
        writer.write(np.zeros((24, 40), np.uint16), photometric="cfa", subfiletype=0)
    return file.getvalue()


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize(
    "data", [camera_raw(), b"II*\0\x10\0\0\0CR\2\0" + bytes(100), b"FUJIFILMCCD-RAW" + bytes(100),
             b"\0\0\0\x18ftypcrx " + bytes(100)],
    ids=["nef", "cr2", "raf", "cr3"],
)  # fmt: skip
def test_the_preview_of_a_raw_file_is_never_labelled(monkeypatch, data, installed):
    if not installed:
        monkeypatch.setitem(__import__("sys").modules, "rawpy", None)
        assert "camera's raw file" in refusal(data)
        assert "rawpy" in refusal(data)
    else:
        pytest.importorskip("rawpy")
        with contextlib.suppress(PictureError):  # a file of a header alone is damaged
            developed = read_picture(data)
            assert developed.pixels.shape == (24, 40, 3)
            assert "developed" in developed.notes[0]


def test_heic_is_read_or_named_with_what_reads_it(monkeypatch):
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    heif.from_pillow(Image.fromarray(colours())).save(file, quality=100)
    data = file.getvalue()
    shown(data, colours(), within=12)
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    assert "HEIC" in refusal(data)
    assert "pillow-heif" in refusal(data)


def test_a_compression_without_its_package_is_named(monkeypatch):
    lzw = io.BytesIO()
    Image.fromarray(GREY.astype(np.uint16) * 257).save(lzw, "TIFF", compression="tiff_lzw")
    shown(lzw.getvalue(), GREY)
    from uniformer import tiff as reader

    monkeypatch.setattr(reader, "_values", lambda page: None)  # as without imagecodecs
    shown(lzw.getvalue(), GREY)
    floats = tiff((colours() / 255).astype(np.float32), compression="zlib")
    assert "TIFF of a kind that cannot be read here (3 bands of 32 bits" in refusal(floats)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", ["webp", "zstd", "lzma", "jpegxl", "lerc", "png"])
def test_a_compression_that_pillow_lacks_is_no_damage(kind, compression):
    if compression == "webp" and kind == np.uint16:
        return  # there is none of 16 bits
    lossless = {"compressionargs": {"lossless": True}} if compression == "webp" else {}
    values = colours().astype(kind) * (257 if kind == np.uint16 else 1)
    shown(tiff(values, compression=compression, **lossless), colours())


def test_kinds_that_are_no_pictures_are_described():
    complex_values = np.zeros((24, 40), np.complex64)
    assert "complex" in refusal(tiff(complex_values))


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_deep_files_cut_short_are_damaged_and_not_half_black(kind):
    data = tiff(np.ones((64, 64), kind))
    assert "damaged" in refusal(data[: len(data) // 2])


def test_flipped_bytes_of_deep_files_raise_nothing_else():
    rng = np.random.default_rng(0)
    deep = np.moveaxis(colours().astype(np.uint16), 2, 0).copy()
    files = [tiff(deep, planarconfig="separate", compression=how) for how in (None, "zlib")]
    for data in (*files, camera_raw()):
        for _ in range(15):
            broken = bytearray(data)
            for position in rng.integers(0, min(len(data), 500), size=4):
                broken[position] = rng.integers(256)
            with contextlib.suppress(PictureError):
                open_picture(bytes(broken))


def test_a_tiff_that_would_fill_the_memory_is_refused_before_it_is_read(monkeypatch):
    from uniformer import tiff as reader

    data = tiff(np.zeros((64, 64, 40), np.float64), photometric="minisblack", planarconfig="contig")
    monkeypatch.setattr(reader, "MAX_VALUE_BYTES", 2**20)
    monkeypatch.setattr("tifffile.TiffPage.asarray", lambda *a, **k: pytest.fail("it was read"))
    assert "more than 1 MB in memory" in refusal(data)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git-LFS pointer"),
        (b"\n <!DOCTYPE HTML><title>404</title>", "web page"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\x1aE\xdf\xa3", "film"),
        (b"\0\0\0\x20ftypisom", "film"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"PK\3\4", "ZIP"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, start, words):
    file = tmp_path / "a.jpg"
    file.write_bytes(start + bytes(100))
    message = refusal(file)
    assert message.startswith("a.jpg is ")
    assert words in message


def test_places_that_are_no_files_are_named(tmp_path):
    (tmp_path / "album.jpg").mkdir()
    assert "it is a folder" in refusal(tmp_path / "album.jpg")
    assert "web address" in refusal(Path("https://example.com/a.jpg"))
    assert "no such file" in refusal(tmp_path / "absent.jpg")


@pytest.mark.skipif(not CASES.is_dir(), reason="the recorded cases are not here")
@pytest.mark.parametrize(
    ("name", "mean"),
    [
        ("planar16_raw.tif", (133.0, 117.5, 93.5)),
        ("planar16_strips.tif", (133.0, 117.5, 93.5)),
        ("planar16_tiled.tif", (133.0, 117.5, 93.5)),
        ("rgb16_minisblack.tif", (133.0, 117.5, 93.5)),
        ("rgb_float.tif", (133.0, 117.5, 93.5)),
        ("bands5_16.tif", (133.0, 117.5, 93.5)),
        ("badcrc_iCCP.png", (133.0, 117.5, 93.5)),
        ("f32_top1.0001.tif", (154.6,) * 3),
        ("f32_nodata.tif", (154.6,) * 3),
        ("i32_1023.tif", (154.6,) * 3),
        ("u16_4095.tif", (154.6,) * 3),
        ("f64_01.tif", (119.4,) * 3),
        ("dark255.pgm", (0.5,) * 3),
        ("dark255.png", (0.5,) * 3),
        ("grey16_trns.png", (123.8,) * 3),
    ],
)
def test_recorded_cases_have_their_right_mean(name, mean):
    found = open_picture(CASES / name).reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(found, mean, atol=0.15)
