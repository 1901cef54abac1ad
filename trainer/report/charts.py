"""The charts of a report, each from plain numbers as the files give them."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from trainer.report.document import Chart
from trainer.report.drawing import GRID, INK, MUTED, PAPER, SERIES, canvas, series
from trainer.report.words import human, is_number

Pair = tuple[str, float]


def learning_curves(
    name: str, epochs: Sequence[float], lines: Mapping[str, Sequence[float | None]], best: float | None, caption: str
) -> Chart:
    """One line for each of `lines` over `epochs`; a thin upright line marks epoch `best`."""
    with canvas(name) as drawing:
        for number, (key, values) in enumerate(lines.items()):
            pairs = [(epoch, value) for epoch, value in zip(epochs, values, strict=True) if value is not None]
            drawing.axes.plot(*zip(*pairs, strict=True), label=human(key), marker="o", markersize=2.2, **series(number))
        if best is not None:
            drawing.axes.axvline(best, color=MUTED, linewidth=0.9, linestyle=":")
            drawing.axes.annotate(
                f"best {best:g}", (best, 1), (3, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
                color=MUTED, fontsize=8.5, va="top",
            )  # fmt: skip
        drawing.axes.set_xlabel("epoch")
        drawing.axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        drawing.legend_below(len(lines), across=2)
    ends = ", ".join(
        f"{human(key)} ends at {values[-1]:.3g}" for key, values in lines.items() if values[-1] is not None
    )
    return drawing.chart(name, f"Lines over {len(epochs)} epochs: {ends}.", caption)


def balance(name: str, labels: Sequence[str], splits: Mapping[str, Sequence[int]], caption: str) -> Chart:
    """Images per class (rows) and split (bars), on a logarithmic axis."""
    with canvas(name, height=0.55 + 0.42 * len(labels)) as drawing:
        height = 0.8 / max(len(splits), 1)
        for number, (split, counts) in enumerate(splits.items()):
            places = [row + number * height - 0.4 + height / 2 for row in range(len(labels))]
            drawing.axes.barh(places, counts, height * 0.9, color=SERIES[number], label=split)
        drawing.axes.set_yticks(range(len(labels)), labels, color=INK)
        drawing.axes.invert_yaxis()
        drawing.axes.set_xscale("symlog", linthresh=10)
        drawing.axes.set_xlim(left=0)
        drawing.axes.grid(visible=False, axis="y")
        drawing.axes.set_xlabel("images (logarithmic)")
        drawing.legend_below(len(splits), down=-0.14)
    said = "; ".join(f"{split}: " + ", ".join(map(str, counts)) for split, counts in splits.items())
    return drawing.chart(name, f"Bars of images per class ({', '.join(labels)}). {said}.", caption)


def curves(name: str, kind: str, lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], caption: str) -> Chart:
    """ROC (`kind` "roc") or precision-recall curves (`pr`), one per class."""
    across, up = ("false positive rate", "true positive rate") if kind == "roc" else ("recall", "precision")
    with canvas(name, height=4.2) as drawing:
        if kind == "roc":
            drawing.axes.plot([0, 1], [0, 1], color=GRID, linewidth=1.2)
        for number, (label, (first, second)) in enumerate(lines.items()):
            # A precision holds up to its recall, not on a straight line between two.
            steps = "default" if kind == "roc" else "steps-pre" if first[-1] > first[0] else "steps-post"
            style = series(number) | {"linewidth": 1.5, "drawstyle": steps}
            drawing.axes.plot(first, second, label=label, **style)
        drawing.axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), xlabel=across, ylabel=up)
        drawing.legend_below(len(lines), across=3, down=-0.14)
    return drawing.chart(name, f"{up} over {across} for {', '.join(lines)}.", caption)


def reliability(name: str, bins: Sequence[Mapping[str, Any]], title: str, caption: str) -> Chart:
    """Accuracy in bins of confidence beside the diagonal of perfect calibration; images per bin below."""
    full = [each for each in bins if each["images"] and is_number(each["accuracy"])]
    most = max((each["images"] for each in full), default=1)
    with canvas(name, width=4.2, height=4) as drawing:
        for each in full:
            width = each["high"] - each["low"]
            drawing.axes.bar(
                each["low"], each["accuracy"], width, align="edge", color=SERIES[0], edgecolor=PAPER, linewidth=0.8
            )
            drawing.axes.bar(
                each["low"], -0.25 * each["images"] / most, width, align="edge", color=MUTED, edgecolor=PAPER
            )
        drawing.axes.plot([0, 1], [0, 1], color=SERIES[1], linewidth=1.4, linestyle="--")
        drawing.axes.axhline(0, color=MUTED, linewidth=0.8)
        drawing.axes.set(xlim=(0, 1), ylim=(-0.28, 1.02), xlabel="confidence", ylabel="accuracy", title=title)
        drawing.axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    worst = max(full, key=lambda each: abs(each["accuracy"] - each["confidence"]), default=None)
    note = "" if worst is None else f" Widest gap: {worst['accuracy']:.2f} right at {worst['confidence']:.2f} sure."
    return drawing.chart(name, f"Accuracy in {len(full)} bins of confidence, {title}.{note}", caption)


def coverage(name: str, points: Sequence[Mapping[str, Any]], caption: str) -> Chart:
    """Accuracy of the answers that are given over the share of faces that get one."""
    known = [each for each in points if is_number(each["accuracy"])]
    with canvas(name, width=4.6, height=3.9) as drawing:
        drawing.axes.plot(
            [each["coverage"] for each in known], [each["accuracy"] for each in known], color=SERIES[0], marker="o",
            markersize=3,
        )  # fmt: skip
        last = 2.0
        for each in known:
            if last - each["coverage"] > 0.13:
                last = each["coverage"]
                words = f"≥ {each['threshold']:.2g}" if each["threshold"] else "all"
                drawing.axes.annotate(
                    words, (each["coverage"], each["accuracy"]), (4, 5),
                    textcoords="offset points", color=MUTED, fontsize=8.5,
                )  # fmt: skip
        drawing.axes.set(xlim=(0, 1.04), xlabel="share of faces answered", ylabel="accuracy of the answers")
        drawing.axes.margins(y=0.12)
    ends = known and f"from {known[0]['accuracy']:.3g} of all to {known[-1]['accuracy']:.3g} of the surest"
    return drawing.chart(name, f"Accuracy over coverage, {ends or 'no points'}.", caption)


def risk(name: str, lines: Mapping[str, Mapping[str, Sequence[float]]], caption: str) -> Chart:
    """The share of wrong answers over the share of faces answered, a line for each of `lines` with `coverage` and
    `risk`; the last, the mean, is the thickest."""
    with canvas(name, width=5.4, height=3.9) as drawing:
        for number, (label, points) in enumerate(lines.items()):
            style = series(number) | ({"linewidth": 3} if number == len(lines) - 1 else {})
            drawing.axes.plot(points["coverage"], points["risk"], label=label, **style)
        drawing.axes.set(xlim=(0, 1.01), xlabel="share of faces answered", ylabel="share of answers that are wrong")
        drawing.axes.set_ylim(bottom=0)
        drawing.legend_below(len(lines))
    said = ", ".join(f"{label} {points['risk'][-1]:.3g} of all" for label, points in lines.items() if points["risk"])
    return drawing.chart(name, f"Wrong answers over coverage: {said}.", caption)


def intervals(
    name: str, rows: Sequence[tuple[str, float, tuple[float, float] | None, bool]], label: str, caption: str
) -> Chart:
    """A dot for each `(name, value, interval, published)` with its interval; published numbers are hollow."""
    with canvas(name, width=5.4, height=0.7 + 0.31 * len(rows)) as drawing:
        for place, (_, value, span, published) in enumerate(rows):
            colour = MUTED if published else SERIES[0]
            if span:
                drawing.axes.plot(span, (place, place), color=colour, linewidth=2.2, solid_capstyle="butt")
            drawing.axes.plot(
                [value], [place], "o", color=colour, markersize=6, markerfacecolor=PAPER if published else colour
            )
            drawing.axes.annotate(
                f"{100 * value:.1f}", (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8,
                color=INK,
            )  # fmt: skip
        drawing.axes.set_yticks(range(len(rows)), [row[0] for row in rows], color=INK)
        drawing.axes.set_ylim(len(rows) - 0.4, -0.9)
        drawing.axes.set_xlabel(label)
    said = ", ".join(f"{row[0]} {100 * row[1]:.1f} %" for row in rows)
    return drawing.chart(name, f"{label}: {said}.", caption)


def slices(name: str, title: str, rows: Sequence[tuple[str, float, int]], level: float | None, caption: str) -> Chart:
    """Bars of accuracy for `(name, accuracy, images)`; a line shows the accuracy of all, `level`."""
    height = 0.9 + 0.36 * len(rows)
    with canvas(name, width=4.6, height=height, tight=False) as drawing:
        # The same margins for all, so that several of them line up.
        drawing.figure.subplots_adjust(left=0.27, right=0.97, bottom=0.52 / height, top=1 - 0.3 / height)
        drawing.axes.barh(range(len(rows)), [row[1] for row in rows], 0.72, color=SERIES[0])
        for place, (_, value, images) in enumerate(rows):
            inside = value > 0.45
            drawing.axes.annotate(
                f"{100 * value:.1f} %  ·  {images:,}", (0 if inside else value, place), (5, 0),
                textcoords="offset points", va="center", color=PAPER if inside else INK, fontsize=8.8,
                fontweight="bold",
            )  # fmt: skip
        if level is not None:
            drawing.axes.axvline(level, color=SERIES[1], linewidth=1.4, linestyle="--")
        drawing.axes.set_yticks(range(len(rows)), [row[0] for row in rows], color=INK)
        drawing.axes.invert_yaxis()
        drawing.axes.set(xlim=(0, 1), xlabel="accuracy", title=title)
        drawing.axes.grid(visible=False, axis="y")
    said = ", ".join(f"{row[0]} {100 * row[1]:.1f} % of {row[2]}" for row in rows)
    return drawing.chart(name, f"Accuracy by {title}: {said}.", caption)
