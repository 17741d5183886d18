"""The pictures of README and pages: ``python docs/make_pictures.py --catdog <folder> --fashion <folder>``.

The folders hold the data as ``data.root`` describes it; without them the project's own default is taken.
An XAI net is trained for 16 epochs, a CNN for 5 and an autoencoder for 10: half an hour on two CPU cores; two
small nets on digits are compared and looked into.
``--runs`` keeps the runs in a folder; those that are there are not trained again. ``--sweep`` names the
folder of a sweep whose report is shown, else forty small nets are trained on digits; Chromium opens it.
``--augmentations`` draws that picture alone, within a minute.
"""

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from PIL import Image
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

import pellucid
from pellucid.data.augment.options import PRESETS
from pellucid.data.augment.pipeline import OPERATIONS, find_augment
from pellucid.data.augment.show import examples, strengths
from pellucid.data.catdog import CatDog
from pellucid.draw.rows import image_rows
from pellucid.draw.sheet import DPI
from pellucid.spec import resize
from pellucid.task.mix import Mixer

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import make_fits  # noqa: E402

WIDTH = 112
LAYERS = {"early": "features.0", "middle": "features.20", "late": "features.40"}
RUNS = {
    "xai": [
        *("model=xai", "data=catdog", "trainer.max_epochs=16", "callbacks.feature_maps.images=1"),
        *(f"callbacks.feature_maps.layers=[{','.join(LAYERS.values())}]", "callbacks.explanations.images=2"),
    ],
    "cnn": ["experiment=fashion_cnn"],
    "autoencoder": ["experiment=fashion_autoencoder"],
    "small": ["trainer=cpu", "keep_every=1", "callbacks=none"],
    "other": ["trainer=cpu", "model=dnn", "callbacks=none"],
}
DATA = {"xai": "catdog", "cnn": "fashion", "autoencoder": "fashion"}
PICTURES = {
    **{f"maps_{name}": ("xai", f"feature_maps/{layer}") for name, layer in LAYERS.items()},
    "explanations": ("xai", "explanations"),
    "embedding": ("cnn", "embeddings/tsne"),
    "reconstructions": ("autoencoder", "reconstructions"),
    **{
        f"pictures/{name}": ("cnn", name)
        for name in ("samples", "predictions", "filters/features.0", "confusion", "activations")
    },
    "pictures/mistakes": ("cnn", "predictions/mistakes"),
    "pictures/latent": ("autoencoder", "latent"),
}
COMMANDS = {  # what a command draws, and the file of it
    "calibration": ("evaluate.py run={runs}/cnn", "calibration.png"),
    "calibrated": ("evaluate.py run={runs}/cnn calibrate=true", "calibration.png"),
    "risk_coverage": ("evaluate.py run={runs}/cnn", "risk_coverage.png"),
    "units": ("units.py run={runs}/small layer=features.4 count=6", "units_000_005.png"),
    "comparison": ("compare.py runs=[{runs}/small,{runs}/other]", "layers.png"),
    "neighbours": ("embed.py run={runs}/small neighbours={query}", "embed_neighbours.png"),
    "anomalies": ("embed.py run={runs}/autoencoder anomalies=20", "anomalies_test.png"),
}
MAX_BYTES = 150_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("catdog", "fashion", "runs", "sweep"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--augmentations", action="store_true")
    given = parser.parse_args()
    draw_augmentations()
    if given.augmentations:
        return
    draw_console()
    draw_fits()
    draw_sweep(given.sweep)
    with tempfile.TemporaryDirectory() as folder:
        runs = (given.runs or Path(folder)).absolute()
        for name, options in RUNS.items():
            root = getattr(given, DATA[name]) if name in DATA else None
            options = [*options, f"data.root={root.absolute()}"] if root else options
            if not (runs / name / "metrics.json").exists():
                line = [sys.executable, ROOT / "train.py", *options, f"hydra.run.dir={runs / name}"]
                subprocess.run(line, cwd=folder, check=True)
        for name, (run, what) in PICTURES.items():
            last = sorted((runs / run / "figures" / what).glob("epoch_*.png"))[-1]
            save(Image.open(last), name.split("/features")[0])
        save(Image.open(runs / "cnn" / "figures" / "curves.png"), "pictures/curves")
        save(Image.open(runs / "cnn" / "figures" / "film_strip" / "probe_0.png"), "pictures/film_strip")
        draw_commands(runs)
        shoot(runs / "cnn" / "report.html", "report", "body", "Layer by layer")
        draw_explained(runs / "xai", given.catdog)


def save(picture: Image.Image, name: str) -> None:
    """``<name>.png``; with fewer colours where the file would be large."""
    path = ROOT / "docs" / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    picture.save(path, optimize=True)
    for limit, colours in ((MAX_BYTES, 255), (2 * MAX_BYTES, 128)):
        if path.stat().st_size > limit:
            picture.convert("RGB").quantize(colours).save(path, optimize=True)


def draw_commands(runs: Path) -> None:
    """What the commands draw, and the graph of a net."""
    small = pellucid.load(runs / "small")
    save(small.graph().figure(), "pictures/graph")
    with tempfile.TemporaryDirectory() as folder:
        small.images(3).save(f"{folder}/query")
        for name, (line, file) in COMMANDS.items():
            script, *options = line.format(runs=runs, query=f"{folder}/query").split()
            path = Path(folder) / name
            command = [sys.executable, ROOT / "scripts" / script, *options, f"out={path}"]
            subprocess.run(command, check=True)
            save(Image.open(next(path.rglob(file))), f"pictures/{name}")


def draw_explained(run: Path, catdog: Path | None) -> None:
    """``explain.png``: what the command draws of a photo; left as it is where there are none."""
    photos = sorted((catdog / "test" / "dog").glob("*.jpg")) if catdog else []
    if not photos:
        return
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, ROOT / "scripts" / "explain.py", f"run={run}", f"images={photos[0]}"]
        subprocess.run([*line, f"out={folder}"], check=True)
        save(Image.open(next(Path(folder).glob("*.png"))), "explain")


def draw_augmentations() -> None:
    """``augmentations.png``: of drawn cats and dogs, draws of each operation, mixes of two images, and
    the operations of TrivialAugment from one end of their strengths to the other.
    """
    data = CatDog(source="drawn", augment=[name for name in OPERATIONS if name != "shift"])
    data.setup()
    split, spec, count = data.splits["train"], data.spec, 5
    chosen = [int((split.labels_N == label).nonzero()[0]) for label in (0, 1)]
    images_2CHW = resize(split.images(torch.tensor(chosen)), spec) / 255
    fill = spec.mean_colour(images_2CHW.device)
    table = examples(data.augment, images_2CHW[0], count, seed=0, fill=fill)
    table = {name: images for name, images in table.items() if not name.startswith("all")}
    for names in (PRESETS["light"], PRESETS["strong"]):
        preset = find_augment(names)
        draws = preset.numbers(count, 0, 0)
        label = f"{next(name for name, parts in PRESETS.items() if parts == names)}\n{', '.join(names)}"
        table[label] = preset(images_2CHW[0].expand(count, -1, -1, -1), draws, fill)
    for mix in ("mixup", "cutmix"):
        mixed = [Mixer(mix, alpha=1.0)(images_2CHW, 0, 0, 0, step) for step in range(count)]
        table[f"task.mix={mix}"] = torch.stack([mixture.images_BCHW[0] for mixture in mixed if mixture])
    levels = torch.linspace(-1, 1, count)
    members = {name.replace("_", " "): v for name, v in strengths(images_2CHW[0], levels, fill=fill).items()}
    tables = {
        heading: {
            name: (images.permute(0, 2, 3, 1) * 255).round().byte().numpy() for name, images in part.items()
        }
        for heading, part in (
            ("Draws of each, of the presets, and of mixes", table),
            ("What trivial and rand choose from, by strength", members),
        )
    }
    note = "a drawn cat of 64 × 64 pixels; each operation alone, by the options that it has by default"
    picture = image_rows(tables, title="Augmentations", note=note, cell=64 / DPI)
    save(Image.fromarray(picture), "augmentations")


def draw_fits() -> None:
    """``pictures/fits.png``: how a photo is brought to a net's size, and training crops of it."""
    save(Image.fromarray(make_fits.draw()), "pictures/fits")


def draw_console() -> None:
    """``run.svg``: what the first run shows."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, ROOT / "train.py", "trainer=cpu"],
            cwd=folder,
            env={**os.environ, "FORCE_COLOR": "1", "TTY_COMPATIBLE": "0", "COLUMNS": str(WIDTH)},
            capture_output=True,
            text=True,
            check=True,
        )
        shown = done.stdout.replace(f"{Path(folder).resolve()}/", "")
    console = Console(record=True, width=WIDTH, highlight=False, file=io.StringIO())
    console.print(Text("$ python train.py\n", style="bold green"), Text.from_ansi(shown), sep="")
    of_machine = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # none is fetched
    console.save_svg(str(ROOT / "docs" / "run.svg"), title="pellucid", code_format=of_machine)


def draw_sweep(sweep: Path | None) -> None:
    """``sweep.png``: the report of a sweep, from its best trial to the learning curves."""
    with tempfile.TemporaryDirectory() as folder:
        if sweep is None:
            line = ["-m", "sweep=median", "sweep.trials=40", "sweep.name=first", "callbacks=none"]
            line += ["model=dnn", "trainer.max_epochs=9", "optimizer.lr=tag(log,interval(1e-4,1e-1))"]
            line += ["model.dropout=interval(0,0.6)", "data.batch_size=choice(16,32,64,128)"]
            subprocess.run([sys.executable, ROOT / "train.py", *line], cwd=folder, check=True)
            sweep = Path(folder) / "outputs" / "sweeps" / "first"
        shoot(sweep.absolute() / "report.html", "sweep", "The best", "All trials")


def shoot(page: Path, name: str, top: str, bottom: str) -> None:
    """``<name>.png``: a page from one heading, or its beginning, to before another."""
    place = """const named = (h) => h.textContent.startsWith(arguments[0]);
      const found = [...document.querySelectorAll('h2')].find(named);
      return (found ?? document.body).getBoundingClientRect().top"""
    with tempfile.TemporaryDirectory() as folder:
        options = ChromeOptions()
        for flag in ("--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={folder}/profile"):
            options.add_argument(flag)
        with Chrome(options=options, service=Service(shutil.which("chromedriver"))) as browser:
            browser.set_window_size(1280, 1000)
            browser.get(page.as_uri())
            browser.set_window_size(1280, browser.execute_script("return document.body.scrollHeight") + 200)
            browser.save_screenshot(f"{folder}/page.png")
            ends = [int(browser.execute_script(place, heading)) for heading in (top, bottom)]
        picture = Image.open(f"{folder}/page.png").crop((0, max(0, ends[0] - 20), 1280, ends[1] - 30))
        save(picture, name)


if __name__ == "__main__":
    main()
