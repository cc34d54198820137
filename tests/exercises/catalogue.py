"""The exercises: which there are, and what their files say."""
from __future__ import annotations

import functools
import json
import random
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from exercises import patch
from exercises.problem import Problem
from harness.names import nearest
from harness.stages import ROOT, Stage, find_stages
from plants.plant import Plant, Stale, Swap

KINDS = ("predict", "find", "build")
KEYS = {"title", "kind", "minutes", "line", "program", "files", "checks", "keeps", "except",
        "tools", "plants", "numbers", "questions", "starts"}
PREDICT = "predict.txt"
OWN_WORDS = "words.txt"       # not judged by the machine
SOURCES = ("*.c", "*.h")
COLUMNS = 79
_DETAILS = re.compile(r"^<details><summary>(.*?)</summary>\n(.*?)^</details>\n?", re.M | re.S)


class Wrong(Exception):
    """What is wrong with an exercise's files, for who writes it."""


@dataclass(frozen=True)
class Exercise:
    """One folder vNN_x/exercises/NAME."""

    name: str
    stage: Stage
    folder: Path
    data: dict

    def __hash__(self):
        return hash(self.name)

    @property
    def kind(self) -> str:
        return self.data["kind"]

    @property
    def minutes(self) -> int:
        return self.data["minutes"]

    @property
    def program(self) -> str:
        return self.data.get("program", "echo_server")

    @property
    def excepted(self) -> tuple:
        """The stage's checks that a right solution need not pass."""
        return tuple(self.data.get("except", ()))

    def checks(self) -> list:
        """(check, program) of those that judge it by name."""
        if self.kind == "predict":
            return [(f"{self.name}.{question['name']}", self.program)
                    for question in self.data["questions"]]
        return [(name.split()[0], (name.split() + [self.program])[1])
                for name in self.data["checks"]]

    # -- texts --------------------------------------------------------------

    @functools.cached_property
    def readme(self) -> str:
        path = self.folder / "README.md"
        return path.read_text("utf-8") if path.exists() else ""

    def task(self, seed: str = "") -> str:
        """The README up to the first folded part."""
        return self.filled(self.readme.split("<details>")[0].strip(), seed)

    def folded(self, words: str) -> list:
        """The folded parts whose heading begins with these words."""
        return [body.strip() for title, body in _DETAILS.findall(self.readme)
                if title.startswith(words)]

    def hints(self) -> list:
        return self.folded("Hint")

    def answer(self) -> str:
        return "\n\n".join(self.folded("Answer"))

    def solution_patch(self) -> str:
        path = self.folder / "solution.patch"
        return path.read_text("utf-8") if path.exists() else ""

    # -- numbers ------------------------------------------------------------

    def numbers(self, seed: str = "") -> dict:
        """What is drawn; without a seed the first of each."""
        draw = random.Random(f"{seed}/{self.name}")
        return {name: draw.choice(values) if seed else values[0]
                for name, values in self.data.get("numbers", {}).items()}

    def filled(self, text: str, seed: str = "") -> str:
        """The text with its numbers."""
        for name, value in self.numbers(seed).items():
            text = text.replace("{" + name + "}", f"{value}")
        return text

    def truth(self, question: dict, seed: str = "") -> float:
        """The answer that the exercise claims: arithmetic of the numbers."""
        answer = question["answer"]
        if isinstance(answer, str):
            return float(eval(answer, {"__builtins__": {"min": min, "max": max}},
                              self.numbers(seed)))
        return float(answer)

    # -- the start and the solution -------------------------------------------

    def plants(self) -> list:
        return [Plant(self.stage.number, f"{self.name}-{at}", entry["words"],
                      tuple(Swap(*swap) for swap in entry["swaps"]),
                      tuple(self.data.get("checks", ())), self.program)
                for at, entry in enumerate(self.data.get("plants", []))]

    def stage_texts(self) -> dict:
        return texts_of(self.stage.folder)

    def drawn(self, count: int, seed: str) -> int:
        """Which of so many; without a seed the first."""
        return random.Random(f"{seed}/{self.name}").randrange(count) if seed else 0

    def planted(self, at: int) -> dict:
        """The sources with one of the mistakes."""
        texts = {**self.stage_texts(), **texts_of(self.folder / "start")}
        for swap in self.plants()[at].swaps:
            times = texts.get(swap.file, "").count(swap.old)
            if times != 1:
                raise Stale(f"its text stands {times} times in {self.stage.name}/{swap.file}:\n"
                            f"{swap.old}")
            texts[swap.file] = texts[swap.file].replace(swap.old, swap.new)
        return texts

    def start_texts(self, seed: str = "") -> dict:
        """The sources that the reader begins with, by name."""
        plants, starts = self.data.get("plants", []), self.data.get("starts", 0)
        if plants:
            texts = self.planted(self.drawn(len(plants), seed))
        else:
            texts = {**self.stage_texts(), **texts_of(self.folder / "start")}
        if starts:      # of a handout, which holds no plants
            texts.update(texts_of(self.folder / f"start-{self.drawn(starts, seed)}"))
        if self.kind == "predict":
            texts[PREDICT] = self.prediction_form(seed)
        return texts

    def solution_texts(self, seed: str = "") -> dict:
        """A right solution's sources; for a mistake to find, the stage itself."""
        if self.kind == "find":
            return self.stage_texts()
        if self.kind == "build":
            return patch.apply(self.start_texts(seed), self.solution_patch())
        texts = self.start_texts(seed)
        for question in self.data["questions"]:
            texts[PREDICT] = texts[PREDICT].replace(
                f"{question['name']} number:",
                f"{question['name']} number: {self.truth(question, seed):g}")
        return texts

    def prediction_form(self, seed: str = "") -> str:
        """What the reader fills in."""
        text = ("Write a number behind each `number:` before you run anything: digits, no words.\n"
                "Behind `reason:` say why, in your own words; your teacher reads that.\n")
        for question in self.data["questions"]:
            name = question["name"]
            ask = textwrap.fill(self.filled(question["ask"], seed), COLUMNS)
            text += f"\n{ask}\n\n{name} number:\n{name} reason:\n"
        return text


def texts_of(folder: Path) -> dict:
    """The sources in a folder, by name."""
    return {path.name: path.read_text("utf-8") for kind in SOURCES
            for path in sorted(folder.glob(kind))}


def guesses(text: str) -> dict:
    """The numbers in a predict.txt; what is no number is left out."""
    found = {}
    for name, number in re.findall(r"^(\w+) number:[ \t]*([^\n]*)$", text, re.M):
        try:
            found[name] = float(number.split()[0].replace(",", "")) if number.split() else None
        except ValueError:
            continue
    return {name: number for name, number in found.items() if number is not None}


@functools.lru_cache(maxsize=None)
def load(name: str, folder: Path, stage: Stage) -> Exercise:
    try:
        data = json.loads((folder / "exercise.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Wrong(f"{folder.relative_to(ROOT)}/exercise.json: {error}") from None
    return Exercise(name, stage, folder, data)


@functools.lru_cache(maxsize=None)
def exercises() -> tuple:
    """All of them, by stage, the short ones first."""
    found = [load(path.parent.name, path.parent, stage) for stage in find_stages()
             for path in stage.folder.glob("exercises/*/exercise.json")]
    return tuple(sorted(found, key=lambda e: (e.stage.number, e.minutes, e.name)))


def find(name: str) -> Exercise | None:
    return next((e for e in exercises() if e.name == name.replace("-", "_")), None)


def named(name: str) -> Exercise:
    """The exercise of that name, or a line with the nearest names."""
    exercise = find(name)
    if exercise:
        return exercise
    near = nearest(name, [e.name for e in exercises()])
    raise Problem(f"there is no exercise {name!r}; "
                  + (f"near: {', '.join(near)}" if near else "`make exercises` lists them"))


def chosen(names) -> list:
    """Those named; a stage, such as v04, stands for all of its own. Without a name, all."""
    found = []
    for name in names:
        of_stage = [e for e in exercises() if e.stage.name.split("_")[0] == name]
        found += of_stage or [named(name)]
    return found or list(exercises())
