"""What masks mean is decided for the set: palettes, colours, modes; never inverted in silence."""

import numpy as np
import pytest
from PIL import Image

from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load
from ucmt_lite.data.masks import WHITE, class_names

SHAPE = np.zeros((40, 60), np.uint8)
SHAPE[5:20, 7:20] = 1
THREE = SHAPE.copy()
THREE[25:35, 30:50] = 2


def save_set(root, masks, suffix=".png", **options):
    """Save an image for every mask, which is a Pillow picture or an array."""
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for i, mask in enumerate(masks):
        picture = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
        grey = np.full((picture.height, picture.width), 40 + i, np.uint8)
        Image.fromarray(grey).save(root / "images" / f"{i}.png")
        picture.save(root / "masks" / f"{i}{suffix}", **options)
    return root


def read(root, classes=2):
    """Return the masks by id, and the notes."""
    source = load("folder", root=root, classes=classes)
    parts = [cases(split) for split in source.splits.values()]
    masks = {key: mask for part in parts for key, mask in zip(part.ids, part.masks, strict=True)}
    return [masks[key] for key in sorted(masks)], " ".join(source.notes)


def painted(labels, colours):
    return np.array(colours, np.uint8)[labels]


def with_palette(labels, colours):
    picture = Image.fromarray(labels, mode="P")
    picture.putpalette([value for colour in colours for value in colour])
    return picture


BLACK, RED, BLUE, GREEN = (0, 0, 0), (255, 0, 0), (0, 0, 255), (0, 255, 0)


@pytest.mark.parametrize("suffix", [".png", ".gif"])
@pytest.mark.parametrize("colour", [RED, BLUE, (1, 1, 1), (255, 255, 255), (9, 1, 2)])
@pytest.mark.parametrize("how", ["adaptive", "quantize"])
def test_the_order_of_a_palette_says_nothing(colour, how, suffix, tmp_path):
    picture = Image.fromarray(painted(SHAPE, [BLACK, colour]))
    adaptive = Image.Palette.ADAPTIVE
    picture = picture.convert("P", palette=adaptive) if how == "adaptive" else picture.quantize(2)
    masks, _ = read(save_set(tmp_path, [picture] * 3, suffix))
    assert all((mask == SHAPE).all() for mask in masks)


@pytest.mark.parametrize("how", ["adaptive", "quantize"])
def test_three_classes_of_grey_in_a_palette(how, tmp_path):
    picture = Image.fromarray(np.stack([THREE] * 3, -1))
    picture = (
        picture.convert("P", palette=Image.Palette.ADAPTIVE)
        if how == "adaptive"
        else picture.quantize(3)
    )
    masks, _ = read(save_set(tmp_path, [picture] * 3), 3)
    assert all((mask == THREE).all() for mask in masks)


def test_a_palette_that_all_files_share_is_read_by_its_indices(tmp_path):
    """As VOC saves it: index 0 is black, and colours tell nothing of the order of classes."""
    pictures = [with_palette(labels, [BLACK, RED, BLUE]) for labels in (THREE, SHAPE, THREE)]
    masks, notes = read(save_set(tmp_path, pictures), 3)
    assert (masks[0] == THREE).all() and (masks[1] == SHAPE).all()
    assert "Masks are read by their palette: red is class 1, blue is class 2." in notes


@pytest.mark.parametrize("clear", [1, 3])
def test_a_background_that_a_palette_makes_clear_changes_no_index(clear, tmp_path):
    """Some programs save index 0 as transparent, in some files or in all."""
    pictures = [with_palette(labels, [BLACK, RED, BLUE]) for labels in (THREE, SHAPE, THREE)]
    for picture in pictures[:clear]:
        picture.info["transparency"] = 0
    masks, _ = read(save_set(tmp_path, pictures), 3)
    assert (masks[0] == THREE).all() and (masks[1] == SHAPE).all() and (masks[2] == THREE).all()


def test_palettes_that_differ_are_read_by_their_colours(tmp_path):
    pictures = [
        with_palette(THREE, [BLACK, RED, BLUE]),
        with_palette((THREE + 1) % 3, [BLUE, BLACK, RED]),
        with_palette(THREE, [BLACK, RED, BLUE]),
    ]
    masks, notes = read(save_set(tmp_path, pictures), 3)
    assert all((mask == masks[0]).all() for mask in masks)
    assert "by their colours: black is background, blue is class 1, red is class 2." in notes


VOID = THREE.copy()
VOID[:2] = 255


def voc_picture(labels):
    """Return a picture with the palette of VOC, whose last colour is that of pixels to ignore."""
    return with_palette(labels, [BLACK, RED, BLUE] + [BLACK] * 252 + [(224, 224, 192)])


@pytest.mark.parametrize("make", [np.asarray, voc_picture])
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_pixels_that_nobody_labeled_are_no_class(make, classes, tmp_path):
    labels = VOID if classes > 2 else np.where(VOID == 2, 0, VOID)
    with pytest.raises(InputError, match="[12].png' holds 255 beside class indices, .*: give them"):
        read(save_set(tmp_path, [make(labels % 255), make(labels), make(labels)]), classes)


def test_the_last_colour_of_a_palette_is_not_taken_for_a_class(tmp_path):
    """Of these files none shows class 2, and there are as many colours as classes."""
    labels = np.where(VOID == 2, 0, VOID)
    with pytest.raises(InputError, match="holds 255 beside class indices"):
        read(save_set(tmp_path, [voc_picture(labels)] * 3), 3)


@pytest.mark.parametrize("colour", [WHITE, RED])
def test_smoothed_borders_are_told(colour, tmp_path):
    shape = Image.fromarray(SHAPE * 255).resize((31, 19)).resize((60, 40))
    smooth = np.asarray(shape)[..., None] * (np.array(colour) > 0)
    with pytest.raises(InputError, match="different values, .* borders that were smoothed: save"):
        read(save_set(tmp_path, [smooth.astype(np.uint8)] * 3))


@pytest.mark.parametrize("colours", [[BLACK, RED], [BLACK, RED, GREEN, BLUE]])
def test_one_colour_for_each_class(colours, tmp_path):
    labels = THREE % len(colours)
    labels[-3:] = len(colours) - 1
    masks, notes = read(save_set(tmp_path, [painted(labels, colours)] * 3), len(colours))
    assert "Masks are read by their colours: black is background" in notes
    seen = {int(mask[row, 10]) for mask in masks for row in (0, 10, -1)}
    assert len(seen) == len(np.unique(labels[[0, 10, -1], 10])) and not masks[0][0, 0]


@pytest.mark.parametrize(
    ("make", "classes", "sentence"),
    [
        (lambda: painted(THREE, [BLACK, RED, BLUE]), 2, "is a colour picture and the masks .* red"),
        (lambda: painted(SHAPE, [(255, 255, 255), RED]), 2, "need black for the background"),
        (lambda: painted(SHAPE, [BLACK, RED]), 3, "where 3 classes need black"),
        (lambda: with_palette(SHAPE, [(255, 255, 255), RED]), 2, "need black for the background"),
        (lambda: np.array([0, 1, 255], np.uint8)[THREE], 2, "holds 255 beside class indices"),
        (lambda: np.array([0, 1, 255], np.uint8)[THREE], 3, "holds 255 beside class indices"),
        (lambda: np.array([0, 80], np.uint8)[SHAPE], 2, "holds the values 0, 80 where 2 classes"),
        (
            lambda: np.arange(2400, dtype=np.uint16).reshape(40, 60),
            2,
            "holds the numbers 0 to 2399, as where",
        ),
        (
            lambda: np.arange(1, 2401, dtype=np.uint16).reshape(40, 60),
            2,
            "holds the values 1, 2, 3",
        ),
        (
            lambda: np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8),
            2,
            "is a colour picture of .* colours",
        ),
    ],
)
def test_what_cannot_be_told_is_refused(make, classes, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        read(save_set(tmp_path, [make()] * 3), classes)


def numbered(last, gap=None):
    """Return a mask of the numbers from 0 to `last`, without one of them."""
    return np.repeat(np.array([k for k in range(last + 1) if k != gap], np.uint8), 64).reshape(
        -1, 8
    )


@pytest.mark.parametrize(
    ("masks", "classes", "is_numbered"),
    [
        ([numbered(1), numbered(7), numbered(12), numbered(30)], 2, True),
        ([numbered(255), numbered(7), numbered(12), numbered(30), numbered(9, gap=4)], 2, True),
        ([numbered(k, gap=1) for k in (3, 7, 12, 30)], 2, False),
        ([numbered(3)] * 4, 2, False),
        ([numbered(0), numbered(1), numbered(2), numbered(3)], 2, False),
        ([numbered(k) for k in (1, 2, 3, 4, 5)], 5, False),
    ],
)
def test_masks_that_number_objects_are_told_from_classes(masks, classes, is_numbered, tmp_path):
    with pytest.raises(InputError, match="as where each object|holds the values") as refusal:
        read(save_set(tmp_path, masks), classes)
    assert ("save mask > 0 if that is so" in str(refusal.value)) == is_numbered


def test_greys_of_more_classes_are_taken_from_dark_to_bright(tmp_path):
    masks, notes = read(save_set(tmp_path, [np.array([0, 128, 255], np.uint8)[THREE]] * 3), 3)
    assert (masks[0] == THREE).all()
    assert "by their greys: black is background, 128 is class 1, 255 is class 2." in notes


def test_a_set_may_mix_0_1_and_0_255_and_says_so(tmp_path):
    masks, notes = read(save_set(tmp_path, [SHAPE, SHAPE * 255, SHAPE * 0]))
    assert [int(mask.sum()) for mask in masks] == [195, 195, 0]
    assert "Masks mark the foreground with 1 or 255, file by file." in notes


@pytest.mark.parametrize(
    "make",
    [
        lambda: Image.fromarray(SHAPE * 255).convert("1"),
        lambda: Image.fromarray(SHAPE * 255).convert("LA"),
        lambda: Image.fromarray(SHAPE * 255).convert("RGBA"),
        lambda: Image.fromarray(SHAPE.astype(np.uint16)),
        lambda: Image.fromarray(SHAPE.astype(np.uint16) * 65535),
        lambda: Image.fromarray(np.dstack([painted(SHAPE, [BLACK, RED]), SHAPE * 255])),
    ],
    ids=["1", "LA", "RGBA", "16 bits", "16 bits white", "transparent black"],
)
def test_every_mode_that_shows_a_mask(make, tmp_path):
    masks, _ = read(save_set(tmp_path, [make()] * 3))
    assert all((mask == SHAPE).all() for mask in masks)


def test_a_mask_in_print_colours_is_not_inverted(tmp_path):
    picture = Image.fromarray(painted(SHAPE, [BLACK, (255, 255, 255)])).convert("CMYK")
    masks, _ = read(save_set(tmp_path, [picture] * 3, ".tif"))
    assert all((mask == SHAPE).all() for mask in masks)


def test_black_drawn_on_nothing_is_refused(tmp_path):
    layers = np.zeros((40, 60, 4), np.uint8)
    layers[..., :3] = painted(SHAPE, [(255, 255, 255), BLACK])
    layers[..., 3] = SHAPE * 255
    with pytest.raises(InputError, match="has its shape in its transparency only"):
        read(save_set(tmp_path, [layers] * 3))


@pytest.mark.parametrize("bits", [2, 4])
def test_a_picture_of_few_bits_keeps_its_class_indices(bits, tmp_path):
    """Pillow spreads greys of 2 and 4 bits over 0..255."""
    root = save_set(tmp_path, [THREE] * 3)
    for file in (root / "masks").iterdir():
        file.write_bytes(few_bits_png(THREE, bits))
    masks, _ = read(root, 3)
    assert all((mask == THREE).all() for mask in masks)


def few_bits_png(labels, bits):
    """Write a grey PNG of a few bits a pixel by hand."""
    import struct
    import zlib

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    spread = (labels[..., None] >> np.arange(bits)[::-1]) & 1
    rows = np.packbits(spread.reshape(len(labels), -1), axis=1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", labels.shape[1], labels.shape[0], bits, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_webp_with_loss_is_read_as_jpeg_is(tmp_path):
    masks, _ = read(save_set(tmp_path / "a", [SHAPE * 255] * 3, ".webp", quality=95))
    assert all(abs(int(mask.sum()) - 195) < 20 for mask in masks)
    masks, _ = read(save_set(tmp_path / "b", [SHAPE] * 3, ".webp", lossless=True))
    assert all((mask == SHAPE).all() for mask in masks)
    with pytest.raises(InputError, match="is a JPEG, or WebP saved with loss"):
        read(save_set(tmp_path / "c", [THREE * 100] * 3, ".webp", quality=95), 3)


@pytest.mark.parametrize("classes", [1, 256, 10**12, -3, "lesion", ("a",), ("a", "a")])
def test_numbers_and_names_that_are_no_classes_are_refused(classes):
    with pytest.raises(InputError, match="give a number from 2 to 255 or different names"):
        class_names(classes)


@pytest.mark.parametrize("grey", [128, 100, 180])
@pytest.mark.parametrize("beside_white", [False, True])
def test_grey_objects_in_a_jpeg_are_refused(grey, beside_white, tmp_path):
    """They are small: nearly all pixels are black."""
    y, x = np.mgrid[:128, :128]
    disc = ((y - 60) ** 2 + (x - 60) ** 2 < 15**2).astype(np.uint8)
    mask = disc * grey + np.roll(disc, 40, axis=1) * (255 * beside_white)
    with pytest.raises(InputError, match="is a JPEG, .* but no greys or class indices: save it as"):
        read(save_set(tmp_path, [mask.astype(np.uint8)] * 3, ".jpg", quality=90))


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("radius", [2, 5, 40])
def test_white_objects_in_a_jpeg_are_read(quality, radius, tmp_path):
    y, x = np.mgrid[:128, :128]
    disc = (y - 60) ** 2 + (x - 60) ** 2 < radius**2
    masks, _ = read(save_set(tmp_path, [disc * np.uint8(255)] * 3, ".jpg", quality=quality))
    assert (masks[0] != disc).sum() <= 0.1 * disc.sum() + 2
