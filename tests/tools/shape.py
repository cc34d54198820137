"""How long a stage's files, functions and lines are."""

import statistics

import c_text
import stages as st

LONGEST_FUNCTION = 40
LONGEST_FILE = 320  # about 300
LONGEST_FIRST = 170  # v01's echo_server.c: to be read in twenty minutes
WIDEST_LINE = 80
HEAD = ["stage", "files", "lines", "functions", "median", "longest",
        "longest file"]

median = statistics.median


def of_stage(stage, allowed=()):
    """A row of the table of shapes, and what is out of shape."""
    names = [name for name in st.code_files(stage) if name != "Makefile"]
    lines, lengths, problems = {}, {}, []
    for name in names:
        text = st.read(stage / name)
        lines[name] = len(text.splitlines())
        for function, number, length in c_text.functions(text):
            lengths[f"{name}:{number} {function}"] = length
        problems += wide_lines(stage, name, text)
    problems += too_long(stage, unexcused(stage, lines, allowed), LONGEST_FILE)
    problems += too_long(stage, lengths, LONGEST_FUNCTION)
    if st.short(stage) == "v01":
        problems += too_long(stage, {name: count for name, count
                                     in lines.items()
                                     if name == "echo_server.c"},
                             LONGEST_FIRST)
    longest = max(lengths, key=lengths.get, default="")
    row = [st.short(stage), len(names), sum(lines.values()), len(lengths),
           f"{median(lengths.values()):g}" if lengths else "-",
           f"{lengths.get(longest, 0)} {longest.split(' ')[-1]}",
           max(lines.values(), default=0)]
    return row, problems


def unexcused(stage, lines, allowed):
    """The files without those that may be as long as they are."""
    return {name: count for name, count in lines.items()
            if count > dict(allowed).get((st.short(stage), name, "long"), 0)}


def too_long(stage, lengths, limit):
    return [f"{st.short(stage)} {what}: {lines} lines, {limit} at most"
            for what, lines in lengths.items() if lines > limit]


def wide_lines(stage, name, text):
    return [f"{st.short(stage)} {name}:{number}: {len(line)} columns, "
            f"{WIDEST_LINE} at most"
            for number, line in enumerate(text.splitlines(), 1)
            if len(line.expandtabs(8)) > WIDEST_LINE]
