"""What the tools in this folder share: the stages, their files, their diffs."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The parts from the ground up: no part includes or calls one further down
# this list. The files of Connection are a ladder of their own.
LADDER = ("log", "inet_address", "socket", "epoll", "channel", "task",
          "timer_queue", "event_loop", "timed_calls", "acceptor", "buffer",
          "codec", "thread_pool", "statistics", "connection_group",
          "connection_state", "connection_post", "connection_output",
          "connection_input", "connection_work", "connection_idle",
          "connection_settle", "connection", "reactor", "options",
          "tcp_server")


def stages(root=ROOT):
    """The stage folders that exist, in order."""
    return sorted(path for path in Path(root).glob("v[0-9][0-9]_*")
                  if any(path.glob("*.c")))


def steps(root=ROOT):
    """Each stage with the one before it."""
    found = stages(root)
    return list(zip(found, found[1:]))


def short(stage):
    """v04_channel is v04 for short."""
    return Path(stage).name[:3]


def find_stage(name, root=ROOT):
    """The folder of `v04`, `4` or `v04_channel`; None when there is none."""
    number = re.match(r"v?(\d+)", str(name))
    wanted = f"v{int(number.group(1)):02}" if number else None
    return next((s for s in stages(root) if short(s) == wanted), None)


def is_program(name):
    """Whether a file, or its name without a suffix, is a program's."""
    stem = os.path.splitext(name)[0]
    return stem.endswith("_server") and stem != "tcp_server"


def is_side_program(name):
    """The programs beside the echo server."""
    return is_program(name) and os.path.splitext(name)[0] != "echo_server"


def reading_order(name):
    """A sort key: parts from the ground up, headers first, programs last."""
    stem, suffix = os.path.splitext(name)
    if stem in LADDER:
        group, rank = 0, LADDER.index(stem)
    elif not is_program(name):
        group, rank = 1, 0
    else:
        group, rank = (2, 0) if stem == "echo_server" else (3, 0)
    return group, rank, stem, suffix != ".h", suffix


def code_files(stage):
    """Names of a stage's sources and its Makefile, in reading order."""
    found = [path.name for path in Path(stage).iterdir()
             if path.suffix in (".c", ".h") or path.name == "Makefile"]
    return sorted(found, key=reading_order)


def read(path):
    """A file's text; nothing when there is no such file."""
    path = Path(path)
    return path.read_text(encoding="utf-8") if path.exists() else ""


def git_diff(old, new, *options):
    """What `git diff` says of two files, whatever the user's own settings."""
    env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null",
               GIT_CONFIG_NOSYSTEM="1", GIT_PAGER="cat")
    done = subprocess.run(
        ["git", "diff", "--no-index", "--no-ext-diff",
         "--diff-algorithm=myers", *options, "--", str(old), str(new)],
        capture_output=True, text=True, env=env, check=False)
    if done.returncode > 1:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


def changed_lines(old, new, *options):
    """Two lists of (line number, text): the lines removed, and those added."""
    removed, added = [], []
    before = after = 0
    in_hunk = False
    diff = git_diff(old, new, "--no-color", "-U0", *options)
    for line in diff.splitlines():
        hunk = re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)", line)
        if hunk:
            before, after = int(hunk.group(1)), int(hunk.group(2))
            in_hunk = True
        elif in_hunk and line.startswith("-"):
            removed.append((before, line[1:]))
            before += 1
        elif in_hunk and line.startswith("+"):
            added.append((after, line[1:]))
            after += 1
    return removed, added


def changes(old, new):
    """(name, status, added, removed) of each file; status is one word."""
    before, after = set(code_files(old)), set(code_files(new))
    rows = []
    for name in sorted(before | after, key=reading_order):
        a = Path(old) / name if name in before else "/dev/null"
        b = Path(new) / name if name in after else "/dev/null"
        removed, added = changed_lines(a, b)
        if name not in before:
            status = "added"
        elif name not in after:
            status = "removed"
        else:
            status = "changed" if removed or added else "unchanged"
        rows.append((name, status, len(added), len(removed)))
    return rows


def totals(old, new):
    """Lines added and removed from one stage to the next, in all."""
    rows = changes(old, new)
    return sum(row[2] for row in rows), sum(row[3] for row in rows)
