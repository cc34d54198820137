"""Pictures, by gnuplot when it is there."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import progress

STYLE = """
set terminal svg size 860,440 font "sans,13" background "white"
set output "{out}"
set title "{title}"
set grid ytics lc rgb "#dddddd"
set border 3 lc rgb "#555555"
set tics nomirror
set key outside top center horizontal
"""
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#17becf",
           "#bcbd22", "#7f7f7f", "#e377c2")


def available() -> bool:
    return shutil.which("gnuplot") is not None


def _draw(out: Path, title: str, commands: str):
    script = STYLE.format(out=out.name, title=title) + commands
    done = subprocess.run(["gnuplot"], input=script, cwd=out.parent, text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        progress.say(f"bench: gnuplot: {done.stderr.strip()}")


def _data(rows) -> str:
    cell = lambda value: "?" if value is None else f"{value:.6g}"  # noqa: E731
    return "\n".join(f'"{label}" ' + " ".join(map(cell, values)) for label, values in rows)


def _words(name: str) -> str:
    return name.replace("_", " ")


def bars(out: Path, title: str, groups, names, values, ylabel=""):
    """A cluster of bars for each group; values[group][name]."""
    if not available():
        return
    plots = ", ".join(
        f'$data using {at + 2}:xtic(1) lc rgb "{COLOURS[at % len(COLOURS)]}" '
        f'title "{_words(name)}"' for at, name in enumerate(names))
    _draw(out, title, f"""
$data << EOD
{_data(zip(map(_words, groups), values))}
EOD
set datafile missing "?"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set ylabel "{ylabel}"
set yrange [0:*]
set xtics rotate by 35 right
plot {plots}
""")


def ratios(out: Path, title: str, groups, names, values):
    """A dot with its spread for each; values[group][name] is a Ratio; 1 is the base."""
    if not available():
        return
    width = 0.8 / len(names)
    rows = [(str(at), [cell for one in of for cell in (one.middle, one.low, one.high)])
            for at, of in enumerate(values)]
    plots = ", ".join(
        f'$data using (column(1)+{(at - (len(names) - 1) / 2) * width:.3f}):{3 * at + 2}:'
        f'{3 * at + 3}:{3 * at + 4} with yerrorbars pt 7 ps 0.7 lw 2 '
        f'lc rgb "{COLOURS[at % len(COLOURS)]}" title "{_words(name)}"'
        for at, name in enumerate(names))
    ticks = ", ".join(f'"{_words(group)}" {at}' for at, group in enumerate(groups))
    body = _data(rows).replace('"', "")
    _draw(out, title, f"""
$data << EOD
{body}
EOD
set logscale y
set yrange [0.7:{1.3 * max(one.high for of in values for one in of):.3g}]
set pointintervalbox 0
set ytics (0.8, 1, 1.2, 1.5, 2, 3, 5, 10, 20)
set xrange [-0.5:{len(groups) - 0.5}]
set xtics ({ticks})
plot 1 lc rgb "#555555" notitle, {plots}
""")


def lines(out: Path, title: str, xs, names, values, xlabel="", ylabel=""):
    """A line for each name; values[name][x]; both axes logarithmic, 0 is shown at 1."""
    if not available():
        return
    rows = [(max(x, 1), [values[name][at] for name in names]) for at, x in enumerate(xs)]
    ticks = ", ".join(f'"{x:,}" {max(x, 1)}' for x in xs)
    # One line may lie on another: the first have larger, hollow points.
    plots = ", ".join(
        f'$data using (column(1)):{at + 2} with linespoints lw 2 pt {6 if at == 0 else 7} '
        f'ps {1.4 if at == 0 else 0.7} lc rgb "{COLOURS[at]}" title "{name}"'
        for at, name in enumerate(names))
    body = _data(rows).replace('"', "")
    _draw(out, title, f"""
$data << EOD
{body}
EOD
set datafile missing "?"
set logscale xy
set xtics ({ticks})
set xlabel "{xlabel}"
set ylabel "{ylabel}"
plot {plots}
""")
