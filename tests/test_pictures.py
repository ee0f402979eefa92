import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from uniformer import pictures
from uniformer.pictures import MAX_ASPECT, MIN_SIDE, PictureError, open_picture


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def gradient(width: int = 40, height: int = 24) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([255 * x // (width - 1), 255 * y // (height - 1), (x + y) % 256], axis=-1)
    return Image.fromarray(rgb.astype(np.uint8))


def png_that_claims(width: int, height: int) -> bytes:
    """A tiny PNG whose header announces any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def refusal(source) -> str:
    """The message with which ``source`` is refused, checked to be one sentence."""
    with pytest.raises(PictureError) as caught:
        open_picture(source)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert len(message) < 200
    return message


def test_every_kind_of_source_gives_the_same_array(tmp_path):
    image = gradient()
    data = encode(image)
    file = tmp_path / "photo.png"
    file.write_bytes(data)
    expected = np.asarray(image)
    for source in (str(file), file, data, io.BytesIO(data), image, expected):
        array = open_picture(source)
        assert array.dtype == np.uint8
        assert array.flags.writeable
        np.testing.assert_array_equal(array, expected)


def test_an_array_is_copied():
    array = np.asarray(gradient()).copy()
    opened = open_picture(array)
    array[:] = 0
    assert opened.any()


@pytest.mark.parametrize("kind", sorted(set(pictures.FORMATS) - {"AVIF", "JPEG2000"}))
def test_raster_formats_open(kind):
    assert open_picture(encode(gradient(16, 16), kind)).shape == (16, 16, 3)


def test_exif_orientation_is_applied():
    image = gradient()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate a quarter to the right
    turned = open_picture(encode(image, exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(np.asarray(image), k=-1))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_hide_the_picture():
    data = encode(gradient(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff garbage")
    assert open_picture(data).shape == (24, 40, 3)


def test_transparency_is_laid_on_white():
    image = gradient().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    assert (open_picture(encode(image)) == 255).all()
    half = Image.new("LA", (16, 16), (0, 128))
    assert np.unique(open_picture(encode(half))).tolist() == [127]


def test_transparent_palette_entry_is_white():
    image = Image.new("P", (16, 16), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    assert (open_picture(encode(image)) == [0, 255, 0]).all()
    assert (open_picture(encode(image, transparency=1)) == 255).all()


def test_one_bit_and_greyscale_become_three_equal_channels():
    for mode in ("1", "L"):
        array = open_picture(encode(gradient().convert(mode)))
        assert (array == array[..., :1]).all()
        assert (array.min(), array.max()) == (0, 255) if mode == "1" else array.max() > 200


def test_cmyk_is_converted():
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert (open_picture(encode(ink, "TIFF")) == [255, 0, 0]).all()


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 64 * 16).reshape(16, 64)
    expected = np.rint(ramp.astype(np.uint16) / 257)
    for kind in ("PNG", "TIFF"):
        array = open_picture(encode(Image.fromarray(ramp.astype(np.uint16)), kind))
        np.testing.assert_array_equal(array[..., 0], expected)
    dark = np.full((16, 16), 200, dtype=np.uint16)
    assert np.unique(open_picture(encode(Image.fromarray(dark)))).tolist() == [1]


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_floating_point_is_scaled_to_its_white(white):
    ramp = np.linspace(0, 1, 64 * 16, dtype=np.float32).reshape(16, 64)
    array = open_picture(encode(Image.fromarray(ramp * np.float32(white)), "TIFF"))
    np.testing.assert_array_equal(array[..., 0], np.rint(ramp * 255))


def test_values_without_a_known_white_are_stretched():
    values = np.linspace(-3, 5, 64 * 16, dtype=np.float32).reshape(16, 64)
    array = open_picture(Image.fromarray(values))
    assert (array.min(), array.max()) == (0, 255)
    constant = open_picture(Image.fromarray(np.full((16, 16), -3, dtype=np.int32)))
    assert (constant == 0).all()


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "lime", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert (open_picture(data) == [255, 0, 0]).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM"])
def test_a_truncated_file_is_refused(kind):
    data = encode(Image.effect_noise((64, 64), 80).convert("RGB"), kind)
    assert "damaged" in refusal(data[: len(data) // 2])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_flipped_bytes_raise_nothing_else():
    rng = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"):
        data = encode(gradient(), kind)
        for _ in range(30):
            broken = bytearray(data)
            for position in rng.integers(0, len(data), size=8):
                broken[position] = rng.integers(256)
            with contextlib.suppress(PictureError):
                open_picture(bytes(broken))


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html><title>404</title>",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n",
        b"PK\x03\x04 not a picture",
        bytes(1000),
    ],
)
def test_files_that_are_no_pictures_are_refused_by_name(tmp_path, content):
    file = tmp_path / "photo.jpg"
    file.write_bytes(content)
    message = refusal(file)
    assert message.startswith("photo.jpg ")
    assert "format" in message


def test_missing_and_empty_files_and_folders_are_refused(tmp_path):
    assert refusal(tmp_path / "none.jpg").startswith("none.jpg cannot be opened")
    assert refusal(str(tmp_path)).startswith(tmp_path.name)
    (tmp_path / "empty.png").touch()
    assert refusal(tmp_path / "empty.png") == "empty.png is an empty file."
    assert "empty" in refusal(b"")
    refusal("")
    refusal("nul\0byte.png")


def test_oversized_files_are_refused_unread(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_FILE_BYTES", 2**20)
    endless = io.BytesIO(bytes(2**21))
    assert "1 MB" in refusal(endless)
    assert endless.tell() == 2**20 + 1


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(8001, 8000), (10000, 9500), (20000, 20000), (40000, 1000)])
def test_bombs_are_refused_before_decoding(monkeypatch, size):
    def decode(*args, **kwargs):
        pytest.fail("the picture was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    assert "64 million pixels" in refusal(png_that_claims(*size))


def test_a_bomb_is_a_sentence_even_where_warnings_are_errors():
    with pytest.warns(Image.DecompressionBombWarning):
        refusal(png_that_claims(10000, 9500))


def test_tiny_and_threadlike_pictures_are_refused():
    assert "1 x 1 pixels" in refusal(Image.new("RGB", (1, 1)))
    assert "1 x 4000 pixels" in refusal(Image.new("RGB", (1, 4000)))
    assert "cut it" in refusal(Image.new("RGB", (8, 8 * MAX_ASPECT + 1)))
    assert open_picture(Image.new("RGB", (MIN_SIDE, MIN_SIDE * MAX_ASPECT))).shape[0] == 512


def test_pixels_that_are_not_numbers_are_refused():
    values = np.full((16, 16), np.nan, dtype=np.float32)
    assert "not numbers" in refusal(Image.fromarray(values))


def test_lab_colours_are_refused():
    assert "Lab" in refusal(Image.new("LAB", (16, 16)))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((16, 16, 3), dtype=np.float32),
        np.zeros((16, 16), dtype=np.uint8),
        np.zeros((16, 16, 4), dtype=np.uint8),
        np.zeros((0, 16, 3), dtype=np.uint8),
    ],
)
def test_arrays_of_another_form_are_refused(array):
    refusal(array)
