"""When a name on the command line names nothing: which are near."""
from __future__ import annotations

import difflib
import re

NEAR = 5        # names, at most
ALIKE = 0.6     # difflib's measure: from here on two names are near


def nearest(word: str, names) -> list:
    """The names that the word may stand for, the likeliest first.

    A name is compared as a whole and part by part: `half_close` is near
    `echo.half_closed`.
    """
    scores = {}
    for name in names:
        parts = {name, *re.split(r"[.: ]", name), *re.split(r"[.:_ ]", name)}
        scores[name] = max(difflib.SequenceMatcher(None, word.lower(), part.lower()).ratio()
                           for part in parts if len(part) > 2)
    near = [name for name in scores if scores[name] >= ALIKE]
    return sorted(near, key=lambda name: (-scores[name], name))[:NEAR]


def no_such(kind: str, word: str, names, hint="--list shows all") -> str:
    """One line that says so."""
    near = nearest(word, names)
    return f"no {kind} has {word!r} in its name; " + (f"near: {', '.join(near)}" if near else hint)


def unknown(words, full_names):
    """The first of the words that stands in none of the names, or None."""
    return next((word for word in words if not any(word in name for name in full_names)), None)
