"""An archive for students: the stages so far and their exercises, without answers."""
from __future__ import annotations

import io
import json
import os
import re
import tarfile
from pathlib import Path

from checks.check_units import Units
from exercises import copies, lint, progress
from exercises.catalogue import Exercise, exercises
from exercises.problem import Problem
from harness.runner import methods
from harness.stages import ROOT, find_stages

# What of tests/ a reader needs: the harness, the checks, the machinery. No plants, nothing that
# only serves who writes exercises or teaches.
TESTS = ("run.py", "harness/*.py", "checks/*.py", "preload/*.c", "plants/__init__.py",
         "plants/plant.py", "plants/sow.py", "plants/stand.py", "tools/need", "tools/diff",
         "tools/steps", "tools/stages.py", "tools/reading.py", "tools/ladder.py",
         "tools/c_text.py", "trace/*.py", "exercises/*.py")
NOT_FOR_STUDENTS = {"alike.py", "author.py", "handout.py", "prove.py", "prove_all.py",
                    "rebuild_prove.py", "refresh.py", "walk.py", "lint.py", "tables.py"}
TOP = (".clang-format", ".clangd", ".editorconfig", ".gitignore", "LICENSE")
TARGETS = ("", "help", "run-v04", "diff-v04", "trace-v04", "test", "test-v04", "valgrind", "valgrind-v04",
           "exercises", "try-NAME", "watch-NAME", "hint-NAME", "answer-NAME", "reset-NAME",
           "rebuild-v04", "grade", "clean")
_ANSWERS = re.compile(r"\n*^<details><summary>(?:Answer|For teachers).*?^</details>\n?",
                      re.M | re.S)
_TARGET = re.compile(r"^## make ?(\S*)")


def files(upto: int) -> dict:
    """{name in the archive: (bytes, may be run)}."""
    found = {}
    stages = [stage for stage in find_stages() if stage.number <= upto]
    for stage in stages:
        for path in [*stage.folder.glob("*.[ch]"), stage.folder / "Makefile",
                     stage.folder / "README.md"]:
            _add(found, path)
    for exercise in exercises():
        if exercise.stage in stages:
            found.update(of_exercise(exercise))
    for pattern in TESTS:
        for path in sorted((ROOT / "tests").glob(pattern)):
            if not (path.parent.name == "exercises" and path.name in NOT_FOR_STUDENTS) \
                    and not path.name.startswith("test_"):
                _add(found, path)
    _add_units(found, upto)
    for name in TOP:
        _add(found, ROOT / name)
    found["Makefile"] = (makefile().encode(), False)
    found["README.md"] = (readme(stages).encode(), False)
    found["tests/exercises/course"] = ((progress.course() + "\n").encode(), False)
    return found


def _add(found: dict, path: Path):
    found[str(path.relative_to(ROOT))] = (path.read_bytes(), os.access(path, os.X_OK))


def _add_units(found: dict, upto: int):
    """The unit checks of the parts that these stages have."""
    folder = ROOT / "tests/unit"
    for method in methods(Units):
        path = folder / f"test_{method}.c"
        spec = getattr(Units, method).spec
        if path.exists() and any(spec.applies(n, spec.programs[0], "plain")
                                 for n in range(1, upto + 1)):
            _add(found, path)
    for path in folder.glob("*.h"):
        _add(found, path)


def of_exercise(exercise: Exercise) -> dict:
    """Its files without the answer: a planted mistake becomes the files that hold it."""
    data, found = dict(exercise.data), {}
    base = f"{exercise.stage.name}/exercises/{exercise.name}"
    plants = data.pop("plants", [])
    if plants:
        data["starts"] = len(plants)
    for at, _ in enumerate(plants):
        texts = exercise.planted(at)
        for swap in exercise.plants()[at].swaps:
            found[f"{base}/start-{at}/{swap.file}"] = (texts[swap.file].encode(), False)
    for path in (exercise.folder / "start").glob("*.[ch]"):
        _add(found, path)
    for path in exercise.folder.glob("check_*.py"):
        _add(found, path)
    data["questions"] = [{k: v for k, v in question.items() if k != "answer"}
                         for question in data.get("questions", [])]
    if not data["questions"]:
        del data["questions"]
    found[f"{base}/exercise.json"] = (json.dumps(data, indent=4).encode() + b"\n", False)
    found[f"{base}/README.md"] = (_ANSWERS.sub("", exercise.readme).encode(), False)
    return found


def makefile() -> str:
    """The top Makefile with the targets that a student has a use for."""
    text = (ROOT / "Makefile").read_text("utf-8")
    first, last = text.index("## make "), text.index("\n##\n## Words")
    rules = text.index("\nneed-compiler:")
    blocks = [block for block in re.split(r"\n(?=## make)", text[first:last])
              if _TARGET.match(block)[1] in TARGETS]
    words = [entry for entry in re.split(r"\n(?=## \S)", text[last:rules])
             if re.match(r"## (\S+?)(?:,|$| )", entry + " ") is None
             or re.match(r"## (\S+?)(?:,|$| )", entry + " ")[1] in (*TARGETS, "Words", "test")]
    rest = re.sub(r"\b(alike|handout|exercises-\w+|sanitize|plants|prove|matrix|faults\S*|fuzz|soak"
                  r"|lint|quiet|map|tools|bench\S*|setup|book\S*|read|trace\S*|tools\S*) ", "", text[rules:])
    return text[:first] + "\n".join(blocks) + "\n" + "\n".join(words).strip("\n") + "\n" + rest


def readme(stages) -> str:
    last = stages[-1].name.split("_")[0]
    first = next((e.name for e in exercises() if e.stage in stages), "NAME")
    rebuild = "\n".join(f"make rebuild-{stage.name.split('_')[0]}" for stage in stages[1:])
    return f"""# A TCP server, stage by stage: {stages[0].name} to {stages[-1].name}

Each folder is a stage; its README.md tells what it is about. On a fresh Debian or Ubuntu this
installs what is needed and starts the last stage's server on 127.0.0.1:8000:

```sh
sudo apt-get update && sudo apt-get install -y make gcc libc6-dev python3 && make run-{last}
```

This checks every stage:

```sh
make test
```

The exercises are in each stage's folder. `make exercises` lists them; begin with

```sh
make try-{first}
```

which makes a copy for you in `mine/` and tells the task. The same command checks your copy.
`make hint-{first}` gives a hint. The main exercise is to build the server yourself:

```sh
{rebuild}
```

`make help` lists all commands. `make diff-{last}` needs git, nothing else does. valgrind is used where it is installed, and so is strace. Links
to stages that are not here lead nowhere yet. Hand in the folder `mine/`.
"""


def archive(upto: int, path: Path):
    """Write the archive; the same files give the same bytes."""
    name = path.name[:-len(".tar.gz")]
    with copies.words_for_failures(copies.shown(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz") as tar:
            for file, (data, runs) in sorted(files(upto).items()):
                info = tarfile.TarInfo(f"{name}/{file}")
                info.size, info.mode = len(data), 0o755 if runs else 0o644
                tar.addfile(info, io.BytesIO(data))


def run_handout(_args) -> int:
    word = os.environ.get("UPTO", "")
    known = {stage.name.split("_")[0]: stage.number for stage in find_stages()}
    if word not in known:
        raise Problem(f"UPTO={word}: a stage such as v05; there are {', '.join(known)}")
    unfit = [e.name for e in exercises() if e.stage.number <= known[word] and any(lint.problems(e))]
    if unfit:
        raise Problem(f"{', '.join(unfit)}: not as they should be; "
                      "python3 tests/exercises/run.py lint says why")
    path = Path(os.environ.get("OUT") or ROOT / "build" / f"handout-{word}.tar.gz").absolute()
    if not path.name.endswith(".tar.gz"):
        raise Problem(f"OUT={path.name}: a name that ends in .tar.gz")
    archive(known[word], path)
    count = sum(exercise.stage.number <= known[word] for exercise in exercises())
    print(f"{copies.shown(path)}: {known[word]} stages, {count} exercises, "
          f"{path.stat().st_size // 1024} KiB")
    return 0


def add_commands(commands):
    commands.add_parser("handout").set_defaults(run=run_handout)
