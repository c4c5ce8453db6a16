"""70,000 tiny pictures of articles, as `sosie demo fashion` fetches them: networks from scratch, labels or none."""

import gzip
from pathlib import Path

import numpy as np
from bench import WORK, Bench, Question, sosie

ARCHIVES = Path("usr/share/datasets/fashion-mnist")
HEADER = 16  # bytes of an IDX file of pictures
DIM = 64  # of the VAE's μ, and of what it is measured by
TEST = "--label label --split split"
PUBLISHED = "small CNN .92–.93, wide ResNet .967 (accuracy)"


def measure(bench: Bench) -> None:
    """Pictures of t10k ask those of train for the same kind of article; a tenth of train is kept back to choose by."""
    folders = (Path("/") / ARCHIVES, WORK / ARCHIVES)
    if not any(folder.is_dir() for folder in folders):
        sosie(f"demo fashion --folder {WORK}")
    folder = next(folder for folder in folders if folder.is_dir())
    settings = WORK / "tiny.toml"
    settings.write_text("[signals.image]\nenabled = false\n", encoding="utf-8")  # the pretrained network is not asked
    options = f"--config {settings} --ignore category --ignore label --vectors pca={principal(folder)}"
    store = bench.store("tiny", folder, options)

    asked = [Question("same article", TEST, bar=0.935, published=PUBLISHED)]
    bench.train("tiny-pictures", store, f"--recipe tiny-pictures {TEST} --set hold_back=false", asked)
    unseen = "--split split"  # nothing is told of what is alike
    asked = [Question("same article, no labels", TEST, bar=0.01, above=("pca",))]
    bench.train("vae", store, f"--recipe vae --set dim={DIM} {unseen}", asked)
    asked = [Question("same article, no labels", TEST, bar=0.87)]
    bench.train("no-labels", store, f"--recipe tiny-pictures {unseen}", asked)


def principal(folder: Path) -> Path:
    """The first directions of all pixels of train, as vectors of the archives' pictures in the order of their names."""
    files = sorted(folder.glob("*-images-*"))
    parts = [np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=HEADER) for file in files]
    pixels = [part.reshape(-1, 28 * 28).astype(np.float32) for part in parts]
    train = next(part for file, part in zip(files, pixels, strict=True) if file.name.startswith("train"))
    mean = train.mean(axis=0)
    directions = np.linalg.eigh(np.cov(train.T))[1][:, -DIM:].astype(np.float32)
    file = WORK / "fashion-pca.npy"
    np.save(file, np.concatenate([(part - mean) @ directions for part in pixels]))
    return file
