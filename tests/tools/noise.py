"""What a step changes without need: see the tool `quiet` for the kinds."""

import difflib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import c_text
import stages as st

KINDS = ("blank", "moved", "reworded", "name")

# What comes back by chance: short lines such as `return -1;` and `int fd;`,
# and the mark of a parameter that is not used.
SIGNIFICANT = 13
UNUSED = re.compile(r"\(void\)\w+;")
# So many significant lines in the same sequence are no chance either, even
# when each of them stands elsewhere in the file too.
SEQUENCE = 3
SAME_WORDS = 0.6
SAME_FILE = 0.6


@dataclass
class Noise:
    kind: str
    file: str
    line: int
    lines: int
    text: str

    def __str__(self):
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{self.kind:8} {place}: {self.text}"


def of_step(old, new):
    """All the noise between two stages."""
    before, after = st.code_files(old), st.code_files(new)
    found = renamed_files(old, new, before, after)
    for name in before:
        if name in after and st.read(old / name) != st.read(new / name):
            found += of_file(old / name, new / name)
    return found


def of_file(old, new):
    """All the noise in a file that two stages have and that differs."""
    if new.name == "Makefile":
        return [Noise("name", new.name, 0, 1, "is not the same file")]
    found = blank_lines(old, new) + moved_lines(old, new)
    found += moved_functions(old, new) + reworded_comments(old, new)
    if c_text.squeezed_code(st.read(old)) == c_text.squeezed_code(st.read(new)):
        found.append(Noise("name", new.name, 0, 1,
                           "changed in comments or white space alone"))
    return found


def blank_lines(old, new):
    """Lines that are in the diff only because of their white space."""
    plain = st.changed_lines(old, new)
    spaceless = st.changed_lines(old, new, "-w")
    excess = max(len(more) - len(less) for more, less in zip(plain, spaceless))
    dropped = [line for line in plain[0]
               if line not in spaceless[0] and line[1].strip()]
    return [Noise("blank", new.name, number, 1, text.strip())
            for number, text in dropped[:max(excess, 0)]]


def moved_lines(old, new):
    """Lines that went from one place of the file to another.

    A line that stands once in either version has moved when it is removed
    here and added there. Other lines have when a sequence of them has.
    """
    once = _once(st.read(old)) & _once(st.read(new))
    removed, added = st.changed_lines(old, new, "-w")
    removed, added = _significant(removed), _significant(added)
    words = {text for _, text in added}
    found = {line for line in removed if line[1] in words & once}
    there = {_words(sequence) for sequence in _sequences(added)}
    for sequence in _sequences(removed):
        if _words(sequence) in there:
            found.update(sequence)
    return [Noise("moved", new.name, number, 1, text)
            for number, text in sorted(found)]


def _once(text):
    """The lines that stand in the text exactly once."""
    counts = Counter(line.strip() for line in text.splitlines())
    return {line for line, count in counts.items() if count == 1}


def _significant(lines):
    return [(number, text.strip()) for number, text in lines
            if len(text.strip()) >= SIGNIFICANT
            and not UNUSED.fullmatch(text.strip())]


def _sequences(lines):
    """Every run of SEQUENCE lines that stand close together."""
    runs = (lines[i:i + SEQUENCE] for i in range(len(lines) - SEQUENCE + 1))
    return [run for run in runs if run[-1][0] - run[0][0] < 3 * SEQUENCE]


def _words(sequence):
    return tuple(text for _, text in sequence)


def moved_functions(old, new):
    """Functions that both files have, in another order."""
    before = [name for name, _, _ in c_text.functions(st.read(old))]
    after = {name: line for name, line, _ in c_text.functions(st.read(new))}
    before = [name for name in before if name in after]
    order = sorted(before, key=after.get)
    matcher = difflib.SequenceMatcher(a=before, b=order, autojunk=False)
    found = []
    for word, start, end, _, _ in matcher.get_opcodes():
        if word in ("delete", "replace"):
            found += [Noise("moved", new.name, after[name], 1,
                            f"the function {name} changed places")
                      for name in before[start:end]]
    return found


def _comments(path, lines):
    words = c_text.comment_lines(st.read(path))
    return [(number, words[number - 1]) for number, _ in lines
            if re.search(r"\w", words[number - 1])]


def reworded_comments(old, new):
    """Comment lines that were replaced by similar ones."""
    removed, added = st.changed_lines(old, new, "-w")
    after = [text for _, text in _comments(new, added)]
    found = []
    for number, text in _comments(old, removed):
        close = difflib.get_close_matches(text, after, 1, SAME_WORDS)
        if close and close[0] != text:
            found.append(Noise("reworded", new.name, number, 1,
                               f"{text} -> {close[0]}"))
    return found


def _likeness(a, b):
    lines_a, lines_b = a.splitlines(), b.splitlines()
    return difflib.SequenceMatcher(a=lines_a, b=lines_b,
                                   autojunk=False).ratio()


def is_side(name):
    return name.endswith("_server.c") and name not in ("echo_server.c",
                                                       "tcp_server.c")


def renamed_files(old, new, before, after):
    """Files that went away while one much like them came.

    Side programs are alike on purpose.
    """
    gone = [name for name in before if name not in after and not is_side(name)]
    come = [name for name in after if name not in before]
    found = []
    for a in gone:
        for b in come:
            same_kind = Path(a).suffix == Path(b).suffix
            if same_kind and _likeness(st.read(old / a),
                                       st.read(new / b)) > SAME_FILE:
                found.append(Noise("name", b, 0, 1, f"was {a}"))
    return found
