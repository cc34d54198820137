"""The table of behaviours and stages in the top README, from measured outcomes alone."""
from __future__ import annotations

from harness.spec import ROWS
from harness.stages import COURSE, ROOT

BEGIN, END = "<!-- matrix:begin -->", "<!-- matrix:end -->"
README = ROOT / "README.md"


def cell(row, stage: str, outcomes, built) -> str:
    """What was measured of one behaviour in one stage."""
    if stage not in built:
        return "…"
    own = [o for o in outcomes if o.row == row.id and o.stage == stage and o.status != "skip"]
    if any(o.status == "FAIL" for o in own):
        return "**fails**"
    kept = any(o.status == "ok" for o in own)
    shown = any(o.status == "limit" for o in own)
    if kept:
        return "in part" if shown else "yes"
    return "no" if shown else ""


def table(outcomes) -> str:
    """The table as Markdown, with the limitations listed beneath it."""
    built = {o.stage for o in outcomes}
    stages = list(dict.fromkeys(COURSE + tuple(sorted(built))))
    lines = ["| Behaviour | " + " | ".join(s.split("_")[0] for s in stages) + " |",
             "| --- |" + " :-: |" * len(stages)]
    for row in ROWS:
        cells = [cell(row, stage, outcomes, built) for stage in stages]
        lines.append(f"| {row.words} | " + " | ".join(cells) + " |")
    lines += ["", "`yes`: the checks of this behaviour pass. `no`: a check shows that it is not so "
              "yet.", "`in part`: some of its checks pass, others show what is missing. Empty: it "
              "does not arise", "at that stage.", "", "What a `no` or `in part` stands for:", ""]
    return "\n".join(lines + limitations(outcomes)) + "\n"


def limitations(outcomes) -> list:
    """A line for each limitation that was shown, with the stages that have it."""
    lines = []
    for row in ROWS:
        shown = {}
        for outcome in outcomes:
            if outcome.row == row.id and outcome.status == "limit":
                shown.setdefault(outcome.limit, set()).add(outcome.number)
        for words, numbers in sorted(shown.items(), key=lambda item: (min(item[1]), item[0])):
            lines.append(f"- {span(numbers)}: {words}.")
    return lines


def span(numbers) -> str:
    """{2, 3, 4} as v02–v04."""
    first, last = f"v{min(numbers):02}", f"v{max(numbers):02}"
    return first if first == last else f"{first}–{last}"


def write(text: str) -> str:
    """Put the table between the README's markers; says what was done."""
    old = README.read_text(encoding="utf-8") if README.exists() else ""
    if BEGIN not in old or END not in old:
        return text
    head, rest = old.split(BEGIN, 1)
    README.write_text(f"{head}{BEGIN}\n{text}{END}{rest.split(END, 1)[1]}", encoding="utf-8")
    return "the table in README.md is as measured"


def problem(text: str) -> str:
    """Why the README's table is not what was measured; empty when it is."""
    old = README.read_text(encoding="utf-8") if README.exists() else ""
    if BEGIN not in old or END not in old:
        return f"README.md has no lines {BEGIN} and {END}"
    stands = old.split(BEGIN, 1)[1].split(END, 1)[0].strip("\n").split("\n")
    for at, line in enumerate(text.strip("\n").split("\n")):
        if at >= len(stands) or stands[at] != line:
            there = stands[at] if at < len(stands) else "nothing"
            return f"README.md says:\n  {there}\nmeasured:\n  {line}\nRun --matrix to correct it."
    extra = len(stands) - len(text.strip("\n").split("\n"))
    return f"README.md has {extra} lines too many in its table" if extra else ""
