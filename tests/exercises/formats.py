"""A grade as a table, as JSON, and as Gradescope's and GitHub Classroom's autograders take it."""
from __future__ import annotations

import base64
import json
import os

MOST_OUTPUT = 4000      # characters of what is said to one part
SHOWN = 4               # reasons for lost points that one exercise's lines hold
MOST_IN_ALL = 40000     # of all parts, where the result travels in one variable


def line(grade) -> str:
    parts = ", ".join(f"{part.what} {part.score:g}/{part.most:g}" for part in grade.parts) \
        if len(grade.parts) <= 3 else ""
    text = f"{grade.name:22} {grade.kind:8} {grade.score:5g} of {grade.most:g}   {parts}"
    lost = {part.words.splitlines()[0]: part.what for part in reversed(grade.parts)
            if part.score < part.most and part.words}
    lines = [f"    {what}: {words}" for words, what in reversed(lost.items())]
    more = [f"    and {len(lines) - SHOWN} more: FORMAT=json has them all"] \
        if len(lines) > SHOWN else []
    return "\n".join([text, *lines[:SHOWN], *more])


def total(grades) -> str:
    if not grades:
        return "nothing was worked on: there is no copy here"
    score, most = sum(g.score for g in grades), sum(g.most for g in grades)
    return (f"in all {score:g} of {most:g}; the students' own words "
            "(10 points an exercise) are the teacher's to judge")


def as_json(grades, complete: bool) -> str:
    return json.dumps({
        "complete": complete,
        "score": round(sum(g.score for g in grades), 1),
        "max_score": round(sum(g.most for g in grades), 1),
        "exercises": [{
            "name": g.name, "kind": g.kind, "score": g.score, "max_score": round(g.most, 1),
            "seconds": round(g.seconds, 1), "own_words": g.words, "progress": g.known,
            "parts": [{"what": p.what, "score": p.score, "max_score": p.most,
                       "output": p.words[:MOST_OUTPUT]} for p in g.parts]} for g in grades]},
        indent=1) + "\n"


def as_gradescope(grades, complete: bool) -> str:
    """results.json: https://gradescope-autograders.readthedocs.io/en/latest/specs/"""
    tests = []
    for number, grade in enumerate(grades, 1):
        for at, part in enumerate(grade.parts, 1):
            tests.append({"name": f"{grade.name}: {part.what}", "number": f"{number}.{at}",
                          "score": round(part.score, 2), "max_score": round(part.most, 2),
                          "status": "passed" if part.score >= part.most else "failed",
                          "output": part.words[:MOST_OUTPUT], "output_format": "text",
                          "visibility": "visible"})
        if grade.words:
            tests.append({"name": f"{grade.name}: own words, for the teacher",
                          "number": f"{number}.{len(grade.parts) + 1}",
                          "output": grade.words, "output_format": "text",
                          "visibility": "hidden"})
    return json.dumps({
        "score": round(sum(g.score for g in grades), 2),
        "execution_time": round(sum(g.seconds for g in grades)),
        "output": total(grades) if complete else "the grader did not come to its end",
        "output_format": "text", "visibility": "visible", "stdout_visibility": "hidden",
        "tests": tests}, indent=1) + "\n"


def as_classroom(grades, complete: bool) -> str:
    """What GitHub Classroom's reporting action takes from one runner, before base64."""
    tests = []
    each = min(MOST_OUTPUT, MOST_IN_ALL // max(sum(len(g.parts) for g in grades), 1))
    for grade in grades:
        for part in grade.parts:
            good = part.score >= part.most
            tests.append({"name": f"{grade.name}: {part.what}",
                          "status": "pass" if good else "fail", "score": round(part.score, 2),
                          "message": None if good else part.words[:each],
                          "test_code": f"make try-{grade.name}", "filename": "", "line_no": 0,
                          "duration": round(grade.seconds * 1000)})
    failed = any(test["status"] == "fail" for test in tests)
    status = "error" if not complete or not tests else "fail" if failed else "pass"
    return json.dumps({"version": 1, "status": status,
                       "max_score": round(sum(g.most for g in grades), 2),
                       "tests": tests}) + "\n"


def for_workflow(kind: str, path):
    """The result as an output of the workflow's step, where there is one."""
    output = os.environ.get("GITHUB_OUTPUT")
    if kind == "classroom" and output:
        packed = base64.b64encode(path.read_bytes()).decode("ascii")
        with open(output, "a", encoding="ascii") as file:
            file.write(f"result={packed}\n")


FORMATS = {"json": as_json, "gradescope": as_gradescope, "classroom": as_classroom}
