"""The ladder of a stage's parts: who includes whom, and who calls whom.

A part is NAME.h with NAME.c; a program is a part too, on top of all others.
"""

import re
from pathlib import Path

import c_text
import stages as st

INCLUDE = re.compile(r'^#include "([\w.]+)\.h"', re.MULTILINE)
NAME = re.compile(r"(?<![\w.>])[A-Za-z_]\w*")
TEXT = re.compile(r'"(?:\\.|[^"\\\n])*"')

# Known to the programs and to this part alone; and what they may know.
OPTIONS = "options"
KNOWS_OPTIONS = ("tcp_server",)
OPTIONS_KNOW = ("log", "inet_address", "codec")


def rank(part):
    """How high a part stands; None when the ladder does not name it."""
    if st.is_program(part):
        return len(st.LADDER)
    return st.LADDER.index(part) if part in st.LADDER else None


def sources(stage):
    """(part, file name, code without comments) of each source."""
    return [(Path(name).stem, name, c_text.code_only(st.read(stage / name)))
            for name in st.code_files(stage) if name != "Makefile"]


def is_static(code, line):
    """Whether the function whose head is on that line is its file's own."""
    return code.splitlines()[line - 1].lstrip().startswith("static ")


def public_functions(files):
    """{function: part} of what other files can call."""
    found = {}
    for part, name, code in files:
        if st.is_program(name):
            continue
        for function, line, _ in c_text.functions(code):
            if name.endswith(".h") or not is_static(code, line):
                found[function] = part
    return found


def names(code):
    """Each name in the code with the line that it is first on.

    Members (`a.name`, `a->name`), texts and included files are no names.
    """
    found = {}
    for number, line in enumerate(code.splitlines(), 1):
        if line.startswith("#include"):
            continue
        for match in NAME.finditer(TEXT.sub('""', line)):
            found.setdefault(match[0], number)
    return found


def uses(files):
    """(part, what it uses, file, line, how) for each use of another part."""
    functions = public_functions(files)
    for part, name, code in files:
        for match in INCLUDE.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            if match[1] != part:
                yield part, match[1], name, line, f"includes {match[1]}.h"
        own = {function for function, _, _ in c_text.functions(code)}
        for word, line in names(code).items():
            other = functions.get(word, part)
            if other != part and word not in own:
                yield part, other, name, line, f"calls {word} of {other}"


def steps_up(stage, found):
    """Uses of a part that stands higher, or that is not to be known."""
    for part, other, name, line, how in found:
        place = f"{st.short(stage)} {name}:{line}: {how}"
        low, high = rank(part), rank(other)
        if low is None or high is None:
            continue        # said by `strangers`
        if high >= low:
            yield f"{place}: a step up the ladder"
        elif other == OPTIONS and not st.is_program(part) and \
                part not in KNOWS_OPTIONS:
            yield f"{place}: programs and tcp_server alone know the options"
        elif part == OPTIONS and other not in OPTIONS_KNOW:
            yield f"{place}: options know {', '.join(OPTIONS_KNOW)} alone"


def strangers(stage, files):
    """Parts that the ladder does not name."""
    parts = dict.fromkeys(part for part, _, _ in files if rank(part) is None)
    return [f"{st.short(stage)} {part}: not on the ladder (LADDER in "
            "tests/tools/stages.py)" for part in parts]


def circle(found):
    """Parts that use each other in a circle, the first one again at its end."""
    graph = {}
    for part, other, *_ in found:
        graph.setdefault(part, {})[other] = None
    done = set()

    def search(path):
        for other in graph.get(path[-1], ()):
            if other in path:
                return path[path.index(other):] + [other]
            if other not in done:
                round_trip = search(path + [other])
                if round_trip:
                    return round_trip
        done.add(path[-1])
        return None

    for part in list(graph):
        if part not in done:
            round_trip = search([part])
            if round_trip:
                return round_trip
    return None


def of_stage(stage):
    """What is wrong with a stage's ladder."""
    files = sources(stage)
    found = list(uses(files))
    complaints = strangers(stage, files) + list(steps_up(stage, found))
    round_trip = circle(found)
    if round_trip:
        complaints.append(f"{st.short(stage)}: a circle: "
                          f"{' -> '.join(round_trip)}")
    return complaints
