"""Checks the diagrams of all READMEs: plays their scenes, and compares."""
from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import paths    # noqa: F401
import stages

import play
from check import Proof
from diagrams import Fault, diagrams_of
from happened import happened
from workshop import Problem

PLAYS = 6       # of a scene that does not go as its diagram says

def check_all(wanted=()) -> list:
    """Return what is wrong, and how many diagrams there are."""
    found = [(stage, diagram) for stage in stages.stages()
             if not wanted or stages.short(stage) in wanted
             for diagram in diagrams_of(f"{stage.name}/README.md",
                                        stages.read(stage / "README.md"))]
    jobs = {}
    for stage, diagram in found:
        jobs.setdefault((stage, diagram.scene, tuple(diagram.options or ())), []).append(diagram)
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        faults = [fault for several in pool.map(check_scene, jobs.items()) for fault in several]
    return sorted(set(faults), key=lambda fault: (fault.file, fault.line)), len(found)


def check_scene(job) -> list:
    """Play one scene, and hold all diagrams of it against what happened.

    Threads may go several ways. A diagram shows one of them, so it has several tries.
    """
    (stage, name, options), found = job
    if not name:
        return [fault for diagram in found for fault in diagram.faults]
    faults = {}
    for _ in range(PLAYS):
        try:
            story = play.tell(stage, play.scene_of(stage, name), list(options) or None)
        except Problem as problem:
            faults[found[0].line] = [Fault(found[0].file, found[0].line, str(problem))]
            continue
        events = happened(story)
        proofs = [Proof(diagram, story.sources, events) for diagram in found]
        faults.update({proof.diagram.line: proof.run() for proof in proofs})
        found = [proof.diagram for proof in proofs if proof.is_late]
        if not found:
            break
    return [fault for several in faults.values() for fault in several]
