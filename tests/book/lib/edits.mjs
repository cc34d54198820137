// Line by line, what turns one text into another. `git diff` finds it, with the algorithm that
// tests/tools/stages.py asks for: so the pages and `make diff-v07` show the same hunks.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;
const FILE = /^diff --git .*\/(\d+)$/;

/**
 * Return the edits of each pair of line arrays, in order: arrays of
 * {old, removed, new, added}; lines count from 1, and an empty side begins at the next line.
 */
export function editsOf(pairs) {
  const folder = mkdtempSync(join(tmpdir(), 'book-'));
  try {
    mkdirSync(join(folder, 'a'));
    mkdirSync(join(folder, 'b'));
    pairs.forEach((pair, number) => pair.forEach(
      (lines, side) => writeFileSync(join(folder, 'ab'[side], String(number)), text(lines))));
    return parse(gitDiff(folder), pairs.length);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Join lines to a text, each with its end. */
function text(lines) {
  return lines.map((line) => `${line}\n`).join('');
}

/** Compare the folders a and b by git, whatever the user's own settings. */
function gitDiff(folder) {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const options = ['--no-index', '--no-ext-diff', '--no-color', '--no-renames', '--text',
    '--diff-algorithm=myers', '-U0'];
  const done = spawnSync('git', ['diff', ...options, 'a', 'b'],
    { cwd: folder, env, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (done.error || done.status > 1) {
    throw new Error(`git diff: ${done.error?.message ?? done.stderr}`);
  }
  return done.stdout;
}

/** Read the hunks' heads of a diff without context; a line of a file never stands at its start. */
function parse(diff, count) {
  const found = Array.from({ length: count }, () => []);
  let edits = null;
  for (const line of diff.split('\n')) {
    const file = FILE.exec(line);
    const hunk = HUNK.exec(line);
    if (file) edits = found[Number(file[1])];
    if (hunk) edits.push(edit(hunk));
  }
  return found;
}

/** Turn a hunk's head into an edit. git names the line before an empty side. */
function edit([, old, removed = '1', start, added = '1']) {
  return {
    old: Number(old) + (removed === '0' ? 1 : 0), removed: Number(removed),
    new: Number(start) + (added === '0' ? 1 : 0), added: Number(added),
  };
}

/** Count the lines that edits add and remove. */
export function counts(edits) {
  const sum = (name) => edits.reduce((total, edit) => total + edit[name], 0);
  return { added: sum('added'), removed: sum('removed') };
}

/** Return the new lines that edits make of the old ones, given the lines that they add. */
export function apply(oldLines, edits, newLines) {
  const made = [];
  let next = 1;
  for (const edit of edits) {
    made.push(...oldLines.slice(next - 1, edit.old - 1),
      ...newLines.slice(edit.new - 1, edit.new - 1 + edit.added));
    next = edit.old + edit.removed;
  }
  return [...made, ...oldLines.slice(next - 1)];
}
