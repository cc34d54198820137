"""Plays a scene of a stage: builds, records and sorts out."""
from __future__ import annotations

import paths    # noqa: F401
import stages

import record
import scenes
import workshop
from sources import Sources
from story import Story


def number_of(folder) -> int:
    return int(folder.name[1:3])


def stage_of(name: str):
    """The stage's folder, or a line that says which there are."""
    stage = stages.find_stage(name)
    if not stage:
        have = ", ".join(stages.short(folder) for folder in stages.stages())
        raise workshop.Problem(f"there is no stage {name}; there are: {have}")
    return stage


def scene_of(stage, name: str):
    """The stage's scene of that name, or a line that says which it has."""
    have = scenes.scenes_of(number_of(stage))
    scene = next((scene for scene in have if scene.name == name), None)
    if not scene:
        names = ", ".join(scene.name for scene in have)
        raise workshop.Problem(f"{stages.short(stage)} has no scene {name}; it has: {names}")
    return scene


def tell(stage, scene, options=None, full=False) -> Story:
    """The story of one scene of a stage, with these options or with the scene's own."""
    number = number_of(stage)
    folder = workshop.build(stage, scene.program)
    sources = Sources(folder, scene.program)
    if options is None:
        options = scene.options_of(number)
    recording = record.record(folder, scene.program, scene, options, sources)
    return Story(recording, sources, locks=number == 8, full=full)
