"""The report of a sweep: its choice of the best, its table, its page's data, and the page in a browser."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pellucid.report.sweep.page import SearchAxis, State, Sweep, TrialRecord, page, table
from tests.browser import Browser, browser

HOSTILE = "</script><img src=x onerror=alert(1)>"
LR = SearchAxis(name="optimizer.lr", choices=None, low=1e-5, high=1e-1, log=True)
MODEL = SearchAxis(name="model", choices=("cnn", "vit", None), low=None, high=None, log=False)
LAYERS = SearchAxis(name="model.hidden=[512,256,128]", choices=None, low=1, high=6, log=False)
EPOCHS = 20


def trial(number: int, state: State = "finished", value: float | None = 0.5, **changes: Any) -> TrialRecord:
    plain = TrialRecord(
        number=number,
        state=state,
        parameters={"optimizer.lr": 1e-3, "model": "cnn"},
        value=value,
        seeds={} if value is None else {0: value},
        tests={"test/accuracy": (0.25,)} if state == "finished" else {},
        seconds=12.5,
        curves=() if value is None else (((0, 0.1), (1, value)),),
        folder=f"{number}",
        page=None,
        error="",
        command=f"python train.py seed={number}",
    )
    return replace(plain, **changes)


def sweep(*trials: TrialRecord, **changes: Any) -> Sweep:
    plain = Sweep(
        name="learning rates",
        metric="val/accuracy",
        direction="maximize",
        total=len(trials),
        seeds=1,
        parameters=(LR, MODEL),
        trials=trials,
        importance={"optimizer.lr": 0.75, "model": 0.25},
        description={"sampler": "random, seed 0"},
        command="python train.py -m",
    )
    return replace(plain, **changes)


def many(count: int, *, seeds: int = 1) -> Sweep:
    """Seven in ten finished, two pruned, one failed; a higher learning rate is better."""
    draw = random.Random(0)
    trials = []
    for number in range(count):
        state: State = ("pruned", "pruned", "failed")[number % 10 - 7] if number % 10 > 6 else "finished"
        lr = 10 ** draw.uniform(-5, -1)
        epochs = {"pruned": draw.randint(1, EPOCHS // 2), "failed": 0}.get(state, EPOCHS)
        reached = [0.9 + 0.05 * math.log10(lr) + draw.gauss(0, 0.01) for _ in range(seeds if epochs else 0)]
        curves = tuple(
            tuple((epoch, end * (1 - math.exp(-epoch - 1)) + draw.gauss(0, 0.002)) for epoch in range(epochs))
            for end in reached
        )
        last = [curve[-1][1] for curve in curves]
        made = trial(
            number,
            state,
            sum(last) / len(last) if last else None,
            parameters={
                LR.name: lr,
                MODEL.name: draw.choice(("cnn", "vit", None)),
                LAYERS.name: draw.randint(1, 6),
            },
            seeds=dict(enumerate(last)) if state == "finished" else {},
            curves=curves,
            error="RuntimeError: CUDA out of memory" if state == "failed" else "",
        )
        trials.append(made)
    return sweep(*trials, seeds=seeds, parameters=(LR, MODEL, LAYERS))


def embedded(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


NAN, INFINITY = math.nan, math.inf


@pytest.mark.parametrize(
    ("direction", "values", "number"),
    [
        ("maximize", [0.1, 0.9, 0.5], 1),
        ("minimize", [0.4, 0.9, 0.2], 2),
        ("maximize", [NAN, 0.3, None, 0.2], 1),
        ("minimize", [NAN, 0.3, None, 0.2], 3),
        ("maximize", [INFINITY, 0.3, 0.3], 1),
        ("minimize", [-INFINITY, 0.3, 0.3], 1),
        ("maximize", [-0.5, 0.0], 1),
        ("maximize", [NAN, None], None),
        ("minimize", [], None),
    ],
)
def test_best(direction: Any, values: list[float | None], number: int | None) -> None:
    trials = [trial(place, value=value) for place, value in enumerate(values)]
    for order in (trials, trials[::-1]):  # of equal ones the earliest, however they come
        best = sweep(*order, direction=direction).best()
        assert (None if best is None else best.number) == number


def test_only_what_has_finished_can_be_best() -> None:
    states: tuple[State, ...] = ("pruned", "failed", "running", "waiting")
    others = [trial(number, state, 0.9) for number, state in enumerate(states)]
    assert sweep(*others).best() is None
    best = sweep(*others, trial(7, value=0.1)).best()
    assert best is not None
    assert best.number == 7


def test_table_comes_back() -> None:
    odd = 'a "quoted", or\nbroken line'
    first = trial(
        1,
        value=0.1 + 0.2,
        parameters={"optimizer.lr": 1e-5, "model": None},
        seeds={0: 0.25, 1: 0.35},
        tests={"test/accuracy": (0.2, 0.3)},
    )
    second = trial(
        0, "failed", None, parameters={"optimizer.lr": 1e-3, "model": odd}, error=odd, seconds=None
    )
    third = trial(2, "waiting", None, parameters={}, folder="a,b", seeds={0: 0.5})
    text = table(sweep(first, second, third, seeds=2))
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head == [
        *(
            "number",
            "state",
            "val/accuracy",
            "val/accuracy std",
            "val/accuracy ci95",
            "optimizer.lr",
            "model",
        ),
        *("test/accuracy", "test/accuracy std", "test/accuracy ci95", "n", "seconds", "folder", "error"),
    ]
    assert rows == [
        ["0", "failed", "", "", "", "0.001", odd, "", "", "", "0", "", "0", odd],
        [
            *("1", "finished", repr(0.1 + 0.2), *rows[1][3:5], "1e-05", "null"),
            *("0.25", *rows[1][8:10], "2", "12.5", "1", ""),
        ],
        ["2", "waiting", "", "", "", "", "", "", "", "", "1", "12.5", "a,b", ""],
    ]
    for column in (3, 8):
        assert float(rows[1][column]) == pytest.approx(0.1 / math.sqrt(2)), "n - 1 in the denominator"
    for column in (4, 9):  # t is 12.706 with one degree of freedom; 0.1 / √2 / √2
        assert float(rows[1][column]) == pytest.approx(12.706 * 0.05, rel=1e-4)
    assert text.count("\r\n") == 4, "RFC 4180's line ends"


def test_splits_and_folds_have_no_interval_as_they_share_images() -> None:
    values = [0.5, 0.7, 0.9]
    assert sweep(seeds=3).interval(values) == pytest.approx(4.30265 * 0.2 / math.sqrt(3), rel=1e-5)
    for repeat in ("split", "fold"):
        found = dataclasses.replace(sweep(trial(0), seeds=3), repeat=repeat)
        assert found.interval(values) is None
        assert "ci95" not in table(found)


def test_table_of_single_runs_has_no_deviation() -> None:
    assert "val/accuracy std" not in table(sweep(trial(0)))
    assert table(sweep()).splitlines() == [
        "number,state,val/accuracy,optimizer.lr,model,seconds,folder,error"
    ]


def test_truth_values_stand_as_on_the_command_line() -> None:
    found = [trial(n, parameters={"model": value}) for n, value in enumerate((True, False, 1, 0, "true"))]
    assert [row["model"] for row in csv.DictReader(io.StringIO(table(sweep(*found))))] == [
        *("true", "false", "1", "0", "true")
    ]


def test_embedded_data_equals_the_sweep() -> None:
    given = many(30, seeds=3)
    data = embedded(page(given))
    for name in ("name", "metric", "direction", "total", "seeds", "importance", "description", "command"):
        assert data[name] == getattr(given, name), name
    assert [item["name"] for item in data["parameters"]] == [item.name for item in given.parameters]
    assert data["parameters"][1]["choices"] == ["cnn", "vit", None]
    best = given.best()
    assert best is not None
    assert data["best"] == best.number
    for found, expected in zip(data["trials"], given.trials, strict=True):
        for name in (
            "number",
            "state",
            "parameters",
            "value",
            "test",
            "seconds",
            "folder",
            "error",
            "command",
        ):
            assert found[name] == getattr(expected, name), name
        assert {int(seed): value for seed, value in found["seeds"].items()} == expected.seeds
        for curve, pairs in zip(found["curves"], expected.curves, strict=True):
            assert [epoch for epoch, _ in curve] == [epoch for epoch, _ in pairs]
            assert [value for _, value in curve] == pytest.approx([value for _, value in pairs], rel=1e-5)


def test_what_is_no_number_is_null() -> None:
    odd = trial(0, value=NAN, curves=(((0, INFINITY), (1, NAN)),), parameters={"optimizer.lr": -INFINITY})
    found = embedded(page(sweep(odd, importance={"model": NAN})))
    assert found["importance"] == {"model": None}
    (only,) = found["trials"]
    assert (only["value"], only["seeds"], only["parameters"]) == (None, {"0": None}, {"optimizer.lr": None})
    assert only["curves"] == [[[0, None], [1, None]]]
    assert found["best"] is None


def hostile() -> Sweep:
    """Markup wherever a user's text may stand."""
    bad = trial(0, parameters={"model": HOSTILE, HOSTILE: 1}, folder=HOSTILE, page=HOSTILE, command=HOSTILE)
    broken = trial(1, "failed", None, error=HOSTILE, parameters={"model": HOSTILE})
    named = SearchAxis(name=HOSTILE, choices=(1, HOSTILE), low=None, high=None, log=False)
    said = {HOSTILE: HOSTILE}
    return sweep(
        *(bad, broken, trial(2, tests={HOSTILE: (0.5,)})),
        **{"name": HOSTILE, "metric": HOSTILE, "parameters": (MODEL, named), "importance": {HOSTILE: 1.0}},
        description=said,
        command=HOSTILE,
    )


def test_hostile_text_stays_text() -> None:
    text = page(hostile())
    assert "<img" not in text
    assert text.count("</script>") == text.count("<script") == 2
    assert embedded(text)["name"] == HOSTILE
    separators = "\u2028\u2029"
    assert embedded(page(sweep(name=separators)))["name"] == separators
    assert separators not in embedded_text(page(sweep(name=separators)))


def embedded_text(text: str) -> str:
    return text.split('id="data">')[1].split("</script>")[0]


def test_links_stay_below_the_page() -> None:
    text = page(sweep(trial(0, folder="javascript:a b\udcff/")))
    below = "./javascript%3Aa%20b%FF/"
    assert embedded(text)["trials"][0]["folderLink"] == below
    assert f'href="{below}"' in text, "also without JavaScript"
    text.encode("utf-8")


def test_page_needs_nothing_from_elsewhere() -> None:
    addresses = set(re.findall(r"https?:[^\s\"'<>)]*", page(many(5, seeds=2))))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page(sweep())


def test_same_input_same_page() -> None:
    assert page(many(30)) == page(many(30))
    given = many(30)
    assert page(given) == page(replace(given, trials=given.trials[::-1])), "in whatever order they come"


def test_counts_tell_those_not_yet_drawn() -> None:
    text = page(sweep(trial(0), trial(1, "running", None), trial(2, "waiting", None), total=10))
    counts = re.findall(r"<b>(\d+)</b> (\w+)</span>", text)
    assert counts == [("1", "finished"), ("1", "running"), ("8", "waiting")]


@pytest.mark.timed
def test_five_hundred_trials_are_quick_and_small() -> None:
    given = many(500, seeds=3)
    page(sweep())  # compiles the template
    start = time.perf_counter()
    text = page(given)
    table(given)
    assert time.perf_counter() - start < 1.0, "about 0.1 s on an idle machine"
    assert len(text.encode()) < 1_500_000


def test_import_is_light() -> None:
    heavy = "{'torch', 'jinja2', 'matplotlib', 'numpy', 'optuna', 'lightning'}"
    code = f"import sys, pellucid.report.sweep.page; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# What a reader sees, in a browser. -----------------------------------------------------------------------

Look = Callable[[Sweep], Browser]


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    """Opens the page of a sweep from disk, in one browser for all tests."""
    folder = tmp_path_factory.mktemp("report")
    with browser(folder / "profile") as shown:

        def open_page(given: Sweep) -> Browser:
            file = folder / "sweep.html"
            file.write_text(page(given), encoding="utf-8")
            shown.open(file.as_uri())
            return shown

        yield open_page


@pytest.fixture
def artefacts(tmp_path: Path) -> Path:
    """Where screenshots stay: PELLUCID_ARTEFACTS, or the test's own folder."""
    return Path(os.environ.get("PELLUCID_ARTEFACTS") or tmp_path)


def script(shown: Browser, code: str, *arguments: Any) -> Any:
    return shown.driver.execute_script(code, *arguments)


ROWS = "return [...document.querySelectorAll('#trials tbody tr')].map(row => Number(row.dataset.trial))"
TEXTS = """
const root = document.querySelector(arguments[0]);
const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), texts = [];
while (walker.nextNode()) texts.push(walker.currentNode.data.trim());
return texts;
"""
SORT = """
const head = [...document.querySelectorAll('#trials th')].find(th => th.textContent === arguments[0]);
head.querySelector('button').click(); return head.getAttribute('aria-sort')
"""
OVER = """
const mark = document.querySelector(`#${arguments[0]} .marks [data-trial="${arguments[1]}"]`);
const box = mark.getBoundingClientRect(), root = mark.closest('svg');
root.dispatchEvent(new PointerEvent(arguments[2], {
  bubbles: true, clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 }));
"""


def numbers_by(
    given: Sweep, key: Callable[[TrialRecord], float | None], *, falling: bool = False
) -> list[int]:
    """Numbers in that order, those without a key last, equal ones by number."""

    def order(found: TrialRecord) -> tuple[bool, float, int]:
        value = key(found)
        return value is None, (-value if falling else value) if value is not None else 0.0, found.number

    return [found.number for found in sorted(given.trials, key=order)]


@pytest.mark.slow
def test_table_sorts_when_a_name_is_clicked(look: Look) -> None:
    given = many(30, seeds=3)
    shown = look(given)
    best_first = numbers_by(given, lambda found: found.value, falling=True)
    assert script(shown, ROWS) == best_first
    assert script(shown, SORT, "val/accuracy") == "ascending"
    assert script(shown, ROWS) == numbers_by(given, lambda found: found.value)
    assert script(shown, SORT, "val/accuracy") == "descending"
    assert script(shown, ROWS) == best_first
    assert script(shown, SORT, "optimizer.lr") == "ascending"
    assert script(shown, ROWS) == numbers_by(given, lambda found: found.parameters["optimizer.lr"])
    assert script(shown, "return document.querySelectorAll('[aria-sort=ascending]').length") == 1
    assert shown.errors() == []


@pytest.mark.slow
def test_prices_are_short_and_parameters_as_one_types_them(look: Look) -> None:
    errors = (8849559.0, 12150000.0, 13855354.0)
    given = sweep(
        *(
            trial(
                n,
                value=error,
                tests={"test/mae": (error,)},
                parameters={"optimizer.lr": 1e-3, "model": 12345678},
            )
            for n, error in enumerate(errors)
        ),
        metric="val/mae",
        direction="minimize",
    )
    shown = look(given)
    texts = script(shown, TEXTS, "#best")
    assert "8.85e6" in texts
    assert "12345678" in texts
    assert not {"false", "null", "undefined"} & set(texts)
    assert {"1.2e7", "1.3e7"} <= set(script(shown, TEXTS, "#space"))
    assert shown.errors() == []


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_best_so_far_only_improves(look: Look, direction: Any) -> None:
    values = [0.5, 0.7, 0.2, 0.6, 0.1, 0.9]
    pruned = trial(6, "pruned", {"maximize": 1.0, "minimize": 0.0}[direction])
    shown = look(sweep(*(trial(n, value=v) for n, v in enumerate(values)), pruned, direction=direction))
    drawn = script(shown, "return document.querySelector('#history .plot .record').getAttribute('d')")
    heights = [float(y) for _, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", drawn)]
    improving = sorted(heights, reverse=direction == "maximize")  # pixels grow downwards
    assert heights == improving
    assert len(set(heights)) == 3, "three records; what was pruned sets none"


@pytest.mark.slow
@pytest.mark.parametrize("count", [5, 500])
def test_pictures(look: Look, artefacts: Path, count: int) -> None:
    given = many(count, seeds=2)
    shown = look(given)
    with_curves = sum(bool(found.curves) for found in given.trials)
    drawn = "return document.querySelectorAll(`#${arguments[0]} .marks > .trial`).length"
    assert script(shown, drawn, "curves") == with_curves
    assert script(shown, drawn, "space") == script(shown, drawn, "history") == count
    assert script(shown, drawn, "seeds") == sum(found.state == "finished" for found in given.trials)
    assert script(shown, "return document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    shown.screenshot(artefacts / f"sweep_{count}.png")
    script(shown, "document.getElementById('space').scrollIntoView()")
    shown.screenshot(artefacts / f"sweep_{count}_pictures.png")
    assert shown.errors() == []


@pytest.mark.slow
def test_a_trial_under_the_pointer_lights_up_everywhere(look: Look, artefacts: Path) -> None:
    given = many(5, seeds=2)
    shown = look(given)
    lit = "return [...document.querySelectorAll('.lit [data-trial], tr.lit')].map(e => e.dataset.trial)"
    script(shown, "document.getElementById('space').scrollIntoView()")
    script(shown, OVER, "history", 3, "pointermove")
    assert script(shown, lit) == ["3"] * 5, "in four pictures and the table"
    tip = script(shown, "return document.getElementById('tip').innerText")
    assert all(text in tip for text in ("Trial 3", "optimizer.lr", "model.hidden=[512,256,128]"))
    shown.screenshot(artefacts / "sweep_hover.png")
    script(shown, OVER, "history", 3, "click")
    assert script(shown, "return document.activeElement.id") == "trial-3"
    script(
        shown, "document.querySelector('#history .plot svg').dispatchEvent(new PointerEvent('pointerleave'))"
    )
    assert script(shown, "return document.getElementById('tip').hidden")
    assert script(shown, lit) == []


@pytest.mark.slow
def test_trials_are_walked_with_the_keyboard(look: Look) -> None:
    shown = look(many(5))
    key = """
    const root = document.querySelector('#space .plot svg'); root.focus();
    root.dispatchEvent(new KeyboardEvent('keydown', { key: arguments[0], bubbles: true }));
    return document.querySelector('#space .lit > *')?.dataset.trial ?? null
    """
    assert [script(shown, key, name) for name in ("Escape", "ArrowRight", "ArrowRight", "ArrowLeft")] == [
        *(None, "0", "1", "0")
    ]
    script(shown, key, "Enter")
    assert script(shown, "return document.activeElement.id") == "trial-0"


@pytest.mark.slow
def test_what_is_left_out_is_told(look: Look) -> None:
    usual = [trial(n, value=0.5 + 0.01 * n) for n in range(9)]
    shown = look(sweep(*usual, trial(9, value=1e5), direction="minimize", metric="val/loss"))
    assert "1 trial above it is drawn at its edge" in script(
        shown, "return document.querySelector('#history .note').textContent"
    )
    shown = look(sweep(*usual, trial(9, value=1e5), direction="maximize", metric="val/score"))
    assert "The axis of" not in shown.text(), "the better side is whole: the best is never cut off"


@pytest.mark.slow
def test_hostile_text_does_nothing(look: Look) -> None:
    shown = look(hostile())
    assert script(shown, "return document.querySelectorAll('img').length") == 0
    assert HOSTILE in shown.text()
    assert shown.errors() == [], "an alert would have stopped the test, an image made an error"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("states", "said"),
    [
        ((), "No trial has begun."),
        (("running", "waiting"), "Nothing has finished yet; 1 trial is running."),
        (("failed", "failed"), "None of the trials that ended so far has a value to compare"),
    ],
)
def test_before_anything_has_finished(look: Look, states: tuple[State, ...], said: str) -> None:
    trials = [trial(number, state, None) for number, state in enumerate(states)]
    shown = look(sweep(*trials, total=4, importance={}))
    text = shown.text()
    assert "No best trial yet" in text
    assert said in text
    assert "Nothing to draw yet" in text
    assert "Not known yet" in text
    assert "NaN" not in text
    assert shown.errors() == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [700, 1280])
@pytest.mark.parametrize("count", [1, 12])
def test_any_number_of_parameters(look: Look, width: int, count: int) -> None:
    named = [
        SearchAxis(name=f"层.{n}={'[512,256,128]' * 3}", choices=("一", "二"), low=None, high=None, log=False)
        for n in range(count)
    ]
    trials = [trial(n, value=n / 7, parameters={p.name: "一" for p in named}) for n in range(5)]
    given = sweep(*trials, parameters=tuple(named), importance={p.name: 1 / count for p in named})
    shown = look(given)
    try:
        shown.driver.set_window_size(width, 900)
        shown = look(given)
        assert script(shown, "return document.documentElement.scrollWidth <= innerWidth")
        bare = "return document.documentElement.outerHTML.includes('NaN')"
        assert not script(shown, bare)
        assert shown.errors() == []
    finally:
        shown.driver.set_window_size(1600, 1000)
