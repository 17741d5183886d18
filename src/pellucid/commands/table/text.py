"""A table of results as Markdown, LaTeX and CSV, with its caption."""

from __future__ import annotations

import csv
import io
import math
import re
from typing import Any

from pellucid.commands.table.results import LEVEL, Results, Spread, columns
from pellucid.errors import encodable, plain
from pellucid.system.number_text import SMALL, WHOLE
from pellucid.system.number_text import metric as number

NONE = "–"  # no value, or no interval
ARROWS = {True: "↑", False: "↓"}
TITLES = {"val": "validation", "test": "test", "fit": "training"}
LATEX = {
    **{sign: f"\\{sign}" for sign in "#$%&_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{
        "–": "--",
        "±": r"$\pm$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "−": "$-$",
        "<": "$<$",
        ">": "$>$",
    },
}


def caption(results: Results) -> str:
    """What the numbers are: of what, over how many seeds, chosen how, and what bold means."""
    counts = sorted({len(row.results) for row in results.rows})
    several, single = counts[-1] > 1, counts[0] == 1
    over = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}, as told"
    sentences = []
    spreads = [[row.spreads.get(key) for row in results.rows] for key in results.keys]
    halves = [[spread.half if spread else None for spread in column] for column in spreads]
    if several and not any(half is not None for column in halves for half in column):
        sentences.append(f"Mean over runs, {over}.")
    elif several:
        sentences.append(f"Mean ± half the 95 % interval of the mean (Student's t) over seeds, {over}.")
    if single:
        which = "A single seed" if several else "One seed each, which"
        sentences.append(f"{which} has no interval{': –' if several else ''}.")
    sentences.append("Checkpoints are chosen on validation; test figures are those of the same checkpoints.")
    if len(results.rows) > 1 and several:
        test = f"t-test (p < {LEVEL}, Holm-corrected)"
        if results.best:
            sentences.append(
                f"Bold: the best mean, where it is told from that of each other row by a {test}, paired over "
                "seeds where both rows have the same, else Welch's."
            )
        elif results.mixed or not any(
            None not in column and results.higher.get(name) is not None  # whose better end is known
            for (_, name), column in zip(results.keys, halves, strict=True)
        ):
            sentences.append("No value is bold, as means were not tested against each other.")
        else:
            sentences.append(f"No value is bold: no mean is told from all others by a {test}.")
    runs = [result.run for row in results.rows for result in row.results]
    sources = dict.fromkeys(str(run.metrics().get("data/source", "")) for run in runs)
    if any(sources):
        sentences.append(f"Data: {'; '.join(filter(None, sources))}.")
    return " ".join([*sentences, *results.notes, *results.mixed])


def to_rows(results: Results) -> list[dict[str, Any]]:
    """A row each: its options, ``n``, and of each column the mean, ``std``, ``ci95`` (half the interval) and
    whether it is told from all others.
    """
    rows = []
    for index, row in enumerate(results.rows):
        entry: dict[str, Any] = {**dict(zip(results.by, row.labels, strict=True)), "n": len(row.results)}
        for stage, name in results.keys:
            spread, column = row.spreads.get((stage, name)), f"{stage}/{name}"
            entry[column] = spread.mean if spread else None
            entry[f"{column} std"] = spread.std if spread else None
            entry[f"{column} ci95"] = spread.half if spread else None
            entry[f"{column} best"] = results.best.get((stage, name)) == index
        rows.append(entry)
    return rows


def to_csv(results: Results) -> str:
    """A line for each row, all digits; the caption is not in it."""
    rows = to_rows(results)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return encodable(text.getvalue())


def to_markdown(results: Results) -> str:
    """A table of GitHub's Markdown, its columns aligned, and the caption below."""
    heads = [*results.by, "n", *(f"{_title(results, name)}, {TITLES[stage]}" for stage, name in results.keys)]
    left = len(results.by)
    rows = [
        [*map(_markdown, row.labels), str(len(row.results))]
        + [
            f"**{text}**" if results.best.get(key) == index else text
            for key, text in zip(results.keys, cells, strict=True)
        ]
        for index, (row, cells) in enumerate(zip(results.rows, _cells(results), strict=True))
    ]
    widths = [max(3, *map(len, column)) for column in zip(heads, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        padded = [
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if index < left else "-" * (width - 1) + ":" for index, width in enumerate(widths)]
    return "\n".join([line([*map(_markdown, heads)]), line(rule), *map(line, rows), "", caption(results)])


def to_latex(results: Results) -> str:
    r"""A ``table`` for ``\usepackage{booktabs}``: validation and test of each metric side by side."""
    left, widths = len(results.by), [len(columns([name])) for name in results.metrics]
    groups = [
        rf"\multicolumn{{{width}}}{{c}}{{{_latex(_title(results, name))}}}"
        for name, width in zip(results.metrics, widths, strict=True)
    ]
    starts = [left + 2 + sum(widths[:index]) for index in range(len(widths))]
    rules = [
        rf"\cmidrule(lr){{{start}-{start + width - 1}}}" for start, width in zip(starts, widths, strict=True)
    ]
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_latex(caption(results))}}}",
        rf"  \label{{tab:{'-'.join(re.sub(r'[^A-Za-z0-9]+', '-', key) for key in results.by)}}}",
        rf"  \begin{{tabular}}{{{'l' * left}r{'c' * sum(widths)}}}",
        r"    \toprule",
        f"    {' & ' * left}& {' & '.join(groups)} \\\\".replace("  &", " &"),
        f"    {' '.join(rules)}",
        "    "
        + " & ".join([*map(_latex, results.by), "$n$", *[TITLES[stage] for stage, _ in results.keys]])
        + r" \\",
        r"    \midrule",
    ]
    for index, (row, cells) in enumerate(zip(results.rows, _cells(results), strict=True)):
        numbers = [
            _latex_number(text, results.best.get(key) == index)
            for key, text in zip(results.keys, cells, strict=True)
        ]
        lines.append(
            "    " + " & ".join([*map(_latex, row.labels), str(len(row.results)), *numbers]) + r" \\"
        )
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}"])


def left_out_lines(results: Results) -> list[str]:
    """A line for each reason for which runs are not in the table."""
    reasons: dict[str, list[str]] = {}
    for folder, reason in results.left_out.items():
        reasons.setdefault(reason, []).append("/".join(folder.split("/")[-3:]))
    return [
        f"Left out, {reason}: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}."
        for reason, names in reasons.items()
    ]


def result_folders(results: Results) -> list[list[str]]:
    """The run folders of each row."""
    return [[str(result.run.folder) for result in row.results] for row in results.rows]


def _title(results: Results, name: str) -> str:
    arrow = ARROWS.get(results.higher.get(name))  # type: ignore[arg-type]
    return f"{name} {arrow}" if arrow else name


def _cells(results: Results) -> list[list[str]]:
    """Means and half intervals as text, those of a column with as many decimals."""
    columns = [_column([row.spreads.get(key) for row in results.rows]) for key in results.keys]
    return [list(cells) for cells in zip(*columns, strict=True)]


def _column(spreads: list[Spread | None]) -> list[str]:
    halves = [s.half for s in spreads if s and s.half and math.isfinite(s.half)]
    means = [abs(s.mean) for s in spreads if s]
    plain_numbers = all(SMALL <= mean < WHOLE or mean == 0 for mean in means)
    told = [*halves, *filter(None, means)]  # two digits of the smallest, so that no mean becomes 0
    decimals = 4 if not halves else min(6, max(0, 1 - math.floor(math.log10(min(told)))))

    def text(value: float) -> str:
        return f"{value:.{decimals}f}" if plain_numbers and halves else number(value)

    intervals = any(s and s.half is not None for s in spreads)
    cells = []
    for spread in spreads:
        if spread is None:
            cells.append(NONE)
        elif intervals:
            half = NONE if spread.half is None else text(spread.half)
            cells.append(f"{text(spread.mean)} ± {half}".replace("-", "−"))
        else:
            cells.append(text(spread.mean).replace("-", "−"))
    return cells


def _markdown(text: str) -> str:
    return plain(text).replace("|", "\\|").replace("\n", " ")


def _latex(text: str) -> str:
    return "".join(LATEX.get(sign, sign) for sign in plain(text)).replace("$$", "")


def _latex_number(text: str, bold: bool) -> str:
    if text == NONE:
        return "--"
    inner = text.replace("−", "-").replace("±", r"\pm")
    if inner.endswith(NONE):
        return f"${inner.removesuffix(NONE).strip()}$ --"
    return rf"$\mathbf{{{inner}}}$" if bold else f"${inner}$"
