// What a diff shows and what it folds: hunks with three lines around them, and between them folds
// of unchanged lines. Pure functions of the edits of lib/edits.mjs.
const CONTEXT = 3;
const SHORTEST_FOLD = 3;   // fewer hidden lines are no shorter than the words that say so
const SITTING = 30;        // lines of a new text that one hunk gathers

/**
 * Return the pieces of a diff, in order, which cover both texts:
 * {kind: 'fold', old, new, count}, or {kind: 'hunk', rows}, with rows
 * {kind: 'same', old, new, count} and {kind: 'change', old, removed, new, added}.
 * Without folds all unchanged lines are context.
 */
export function pieces(oldCount, newLines, edits, { folds = true } = {}) {
  const found = [];
  const addSame = folds ? addNear : addAll;
  let at = { old: 1, new: 1 };
  for (const edit of edits) {
    addSame(found, at, edit.old - at.old, found.length > 0, true);
    addChange(found, edit, newLines);
    at = { old: edit.old + edit.removed, new: edit.new + edit.added };
  }
  addSame(found, at, oldCount + 1 - at.old, found.length > 0, false);
  return found;
}

/** Add unchanged lines, all of them. */
function addAll(found, at, count) {
  addRow(found, same(at, count));
}

/** Add unchanged lines: what is near a change as its context, the rest as a fold. */
function addNear(found, at, count, after, before) {
  const head = after ? CONTEXT : 0;
  const tail = before ? CONTEXT : 0;
  if (count < head + tail + SHORTEST_FOLD) {
    addRow(found, same(at, count));
    return;
  }
  addRow(found, same(at, head));
  found.push({ ...same(moveOn(at, head), count - head - tail), kind: 'fold' });
  if (tail) found.push({ kind: 'hunk', rows: [same(moveOn(at, count - tail), tail)] });
}

/** Return a row of unchanged lines. */
function same(at, count) {
  return { kind: 'same', old: at.old, new: at.new, count };
}

/** Return the place some lines further down. */
function moveOn(at, count) {
  return { old: at.old + count, new: at.new + count };
}

/** Add a row to the last hunk, or to a new one. */
function addRow(found, row) {
  if (row.kind === 'same' && row.count === 0) return;
  if (found.at(-1)?.kind !== 'hunk') found.push({ kind: 'hunk', rows: [] });
  found.at(-1).rows.push(row);
}

/** Add a change. A long new text is several hunks: a reader stops at each. */
function addChange(found, edit, newLines) {
  if (edit.removed > 0 || edit.added <= SITTING) {
    addRow(found, { kind: 'change', ...edit });
    return;
  }
  for (const [number, part] of sittings(edit, newLines).entries()) {
    if (number > 0) found.push({ kind: 'hunk', rows: [] });
    addRow(found, { kind: 'change', ...part });
  }
}

/** Cut added lines before top-level paragraphs, each part about SITTING lines. */
function sittings(edit, newLines) {
  const end = edit.new + edit.added;
  const parts = [];
  let start = edit.new;
  for (const next of [...paragraphs(edit, newLines), end]) {
    const last = parts.at(-1);
    if (last && next - last.new <= SITTING) last.added = next - last.new;
    else parts.push({ old: edit.old, removed: 0, new: start, added: next - start });
    start = next;
  }
  return parts;
}

/** Return the numbers of added lines that begin a top-level paragraph after a blank line. */
function paragraphs(edit, newLines) {
  const found = [];
  for (let line = edit.new + 1; line < edit.new + edit.added; line++) {
    if (newLines[line - 2] === '' && /^[^\s}]/.test(newLines[line - 1])) found.push(line);
  }
  return found;
}
