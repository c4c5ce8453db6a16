"""Models that could run a program: refused before anything of them is opened, each with the reason."""

import json
import os
import pickle
import sys
import zipfile

import pytest
from brought_models import bert, keras_pictures, sentence_folder, vit

from sosie.encoders.brought import bring
from sosie.errors import EncoderError


class Trap:
    """Writes a file where it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return (os.mkdir, (str(self.file),))


def keras_file(file, *layers):
    """A `.keras` file whose configuration names such layers; no weights, since it must not come that far."""
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"layers": list(layers)},
        "registered_name": None,
    }
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    return file


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        ({"module": "keras.layers", "class_name": "Lambda"}, "holds a Lambda layer"),
        ({"module": "keras.layers", "class_name": "TorchModuleWrapper"}, "holds a TorchModuleWrapper"),
        ({"module": "keras.layers", "class_name": "StringLookup"}, "holds a StringLookup"),
        ({"module": "os", "class_name": "system"}, "holds 'os.system', which is not of Keras"),
        ({"module": "builtins", "class_name": "eval"}, "'builtins.eval'"),
        ({"module": "kerasy.layers", "class_name": "Dense"}, "'kerasy.layers.Dense'"),
        ({"module": None, "class_name": "Mine", "registered_name": "Custom>Mine"}, "not of Keras"),
        (
            {
                "module": "keras.layers",
                "class_name": "Dense",
                "config": {"activation": {"module": "os", "class_name": "f"}},
            },
            "'os.f'",
        ),
    ],
)
def test_programs_in_a_keras_model(tmp_path, layer, told):
    file = keras_file(tmp_path / "model.keras", layer)
    with pytest.raises(EncoderError, match=told):
        bring(file, "image", tmp_path / "folder")


def test_a_real_lambda(tmp_path):
    keras_pictures(tmp_path / "any.keras")  # sets the backend up
    import keras

    model = keras.Sequential([keras.Input((24, 24, 3)), keras.layers.Lambda(lambda x: x + 1), keras.layers.Flatten()])
    model.save(tmp_path / "model.keras")
    with pytest.raises(EncoderError, match="Lambda"):
        bring(tmp_path / "model.keras", "image", tmp_path / "folder")


def test_other_files_of_keras(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(EncoderError, match="may run a program"):
        bring(tmp_path / "model.h5", "image", tmp_path / "folder")
    (tmp_path / "model.keras").write_bytes(b"")
    with pytest.raises(EncoderError, match="no model of Keras 3"):
        bring(tmp_path / "model.keras", "image", tmp_path / "folder")


def test_weights_that_are_a_pickle(tmp_path):
    for make, signal in ((bert, "text"), (vit, "image")):
        folder = make(tmp_path / f"{signal}-theirs")
        (folder / "model.safetensors").unlink()
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
        with pytest.raises(EncoderError, match="no weights as safetensors"):
            bring(folder, signal, tmp_path / "folder")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(("file", "kind"), [("config.json", "timm"), ("open_clip_config.json", "open_clip")])
def test_weights_of_timm_and_open_clip_that_are_a_pickle(tmp_path, file, kind):
    folder = tmp_path / "theirs"
    folder.mkdir()
    pixels = {"mean": [0.5] * 3, "std": [0.5] * 3, "input_size": [3, 32, 32]}
    clip = {"model_cfg": {"vision_cfg": {"image_size": 32}}, "preprocess_cfg": pixels}
    content = {"architecture": "resnet18", "pretrained_cfg": pixels} if kind == "timm" else clip
    (folder / file).write_text(json.dumps(content))
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(EncoderError, match=r"holds no .*model\.safetensors"):
        bring(folder, "image", tmp_path / "folder")
    assert not (tmp_path / "sprung").exists()


def test_a_program_beside_the_weights_is_never_run(tmp_path):
    folder = bert(tmp_path / "theirs")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'sprung')!r})\n")
    with pytest.raises(EncoderError, match="can't be opened by transformers"):
        bring(folder, "text", tmp_path / "folder")
    assert not (tmp_path / "sprung").exists()
    assert "mine" not in sys.modules


def test_an_adapter_and_weights_that_lack_something(tmp_path):
    folder = bert(tmp_path / "theirs")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}))
    with pytest.raises(EncoderError, match=r"lack \d+ of the network's, such as encoder.layer.1"):
        bring(folder, "text", tmp_path / "folder")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(EncoderError, match="merge it first"):
        bring(folder, "text", tmp_path / "folder")


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("modules.json", {"type": "mine.Transformer"}, "'mine.Transformer' can't be brought"),
        ("modules.json", {"type": "sentence_transformers.models.CNN"}, "CNN' can't be brought"),
        ("2_Dense/config.json", {"activation_function": "os.system"}, "'os.system' can't be brought"),
        ("2_Dense/config.json", {"activation_function": "torch.nn.hub.load"}, "'torch.nn.hub.load' can't be"),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "max"]}, "mean and max can't be brought"),
        ("1_Pooling/config.json", {"pooling_mode": "weightedmean"}, "weightedmean can't be brought"),
    ],
)
def test_parts_of_a_folder_that_are_not_known(tmp_path, file, change, told):
    folder = sentence_folder(tmp_path / "theirs")
    values = json.loads((folder / file).read_text())
    changed = [values[0] | change, *values[1:]] if isinstance(values, list) else values | change
    (folder / file).write_text(json.dumps(changed))
    with pytest.raises(EncoderError, match=told):
        bring(folder, "text", tmp_path / "folder")


def test_a_folder_without_its_tokenizer(tmp_path):
    folder = bert(tmp_path / "theirs")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(EncoderError, match=r"tokenizer\.json: is missing.*save_pretrained"):
        bring(folder, "text", tmp_path / "folder")
