"""The story as JSON, for programs that show it."""
from __future__ import annotations

import json


def facts(story, stage: str, scene) -> dict:
    ids = {thread: i for i, thread in enumerate(story.numbers)}
    return {
        "stage": stage, "program": scene.program, "scene": scene.name, "what": scene.what,
        "threads": [{"id": ids[t], "name": story.names[t]} for t in story.numbers],
        "events": [entry(story, event, ids) for event in story.events if event.kind != "return"],
    }


def entry(story, event, ids: dict) -> dict:
    if event.kind == "client":
        return {"kind": "client", "text": event.word.text}
    node, call = event.node, event.node.call
    function = story.sources.functions.get(call.name)
    caller = call.caller.name if call.caller else ""
    by = story.sources.functions.get(caller)
    return {
        "kind": "call", "thread": ids[call.thread], "depth": node.depth, "name": call.name,
        "system": call.system, "file": function.file if function else "",
        "line": function.line if function else 0, "caller": caller,
        "at": {"file": by.file, "line": node.at} if by and node.at else None,
        "arguments": call.arguments, "result": story.result(call), "folded": node.folded,
        "times": node.times, "row": list(node.row),
    }


def text(found: dict) -> str:
    """One event in a line, so that two of these files can be compared."""
    events = found.pop("events")
    head = json.dumps(found, indent=1)[:-2]
    lines = ",\n  ".join(json.dumps(event) for event in events)
    return f'{head},\n "events": [\n  {lines}\n ]\n}}\n'
