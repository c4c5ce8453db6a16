"""Folders of timm and open_clip, where these are installed: both need torchvision, which not every machine can have."""

import importlib
import warnings
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from sosie.encoders import load_encoder
from sosie.encoders.brought import bring
from sosie.types import Product


def needed(name):
    """A library, or a skipped test that says in the summary of warnings what was not tested."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        told = f"folders of {name} were not tested: {error}"
        warnings.warn(told, stacklevel=1)
        pytest.skip(told)


def shown(folder, size):
    """Products with pictures of the size that a network sees, and their pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8).repeat(size // 4, 1).repeat(size // 4, 2)
    for at, one in enumerate(pixels):
        Image.fromarray(one).save(folder / f"{at}.png")
    return [Product(f"{at}", images=(str(folder / f"{at}.png"),)) for at in range(3)], pixels


def check(folder, products, pixels, mean, std, run):
    import torch

    bring(folder, "image", folder.with_name("brought"))
    given = ((pixels / 255 - np.array(mean)) / np.array(std)).transpose(0, 3, 1, 2)
    with torch.no_grad():
        expected = run(torch.tensor(given, dtype=torch.float32)).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(load_encoder(folder.with_name("brought")).encode(products), expected, atol=1e-5)


def test_a_folder_of_timm(tmp_path, monkeypatch):
    monkeypatch.setenv("SOSIE_CACHE", str(tmp_path / "cache"))
    timm = needed("timm")
    model = timm.create_model("resnet10t", pretrained=False, num_classes=7).eval()
    timm.models._hub.save_for_hf(model, tmp_path / "theirs", safe_serialization=True)
    said = model.pretrained_cfg
    products, pixels = shown(tmp_path, said["input_size"][-1])

    def run(given):
        return model.forward_head(model.forward_features(given), pre_logits=True)

    check(tmp_path / "theirs", products, pixels, said["mean"], said["std"], run)


class NoTokenizer:
    def save_pretrained(self, folder):
        pass


def test_a_folder_of_open_clip(tmp_path, monkeypatch):
    monkeypatch.setenv("SOSIE_CACHE", str(tmp_path / "cache"))
    open_clip = needed("open_clip")
    look = {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16}
    words = {"context_length": 16, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}
    sizes = {"embed_dim": 16, "vision_cfg": look, "text_cfg": words}
    model = open_clip.model.CLIP(**sizes).eval()
    open_clip.factory.set_model_preprocess_cfg(model, asdict(open_clip.transform.PreprocessCfg(size=32)))
    writing = importlib.import_module("open_clip.push_to_hf_hub")
    writing.save_for_hf(model, NoTokenizer(), sizes, tmp_path / "theirs", safe_serialization=True)
    products, pixels = shown(tmp_path, 32)
    mean, std = model.visual.image_mean, model.visual.image_std
    check(tmp_path / "theirs", products, pixels, mean, std, model.encode_image)
