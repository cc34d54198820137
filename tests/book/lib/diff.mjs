// A file's diff as HTML. The same elements stand side by side or in one column: diff.css decides.
import { escape, scrollBox } from './html.mjs';
import { pieces } from './hunks.mjs';
import { differences, mark, pairs } from './marks.mjs';

const SIDES = {
  old: { tag: 'del', sign: '−', data: 'o', done: 'removed' },
  new: { tag: 'ins', sign: '+', data: 'n', done: 'added' },
};

/**
 * Return the HTML of a diff: {id, label, old, new, edits, moved, where, skip}. `old` and `new` are
 * {text, html}, two arrays of lines. `moved` is {old, new}, two Maps from a line's number to
 * {id, words, href, sign, first}. `where({first, last, change})` returns a hunk's head. With
 * `skip`, lines that would be folded are counted and left out; with `folds: false` all lines are
 * shown. A side's `above` says how many lines of its file stand above its first one.
 */
export function renderDiff(diff) {
  const found = pieces(diff.old.text.length, diff.new.text, diff.edits, diff);
  const hunks = found.filter(({ kind }) => kind === 'hunk');
  const html = found.map((piece) => (piece.kind === 'fold' ? fold(diff, piece)
    : hunk(diff, piece, hunks.indexOf(piece) + 1, hunks.length))).join('\n');
  return scrollBox(`<div class="sheet">${html}</div>`, diff.label);
}

/** Return the sentence of a fold, and its lines under it unless they are left out. */
function fold(diff, piece) {
  const words = `${piece.count} unchanged ${piece.count === 1 ? 'line' : 'lines'}`;
  if (diff.skip) return `<p class="fold">${words}</p>`;
  return `<details class="fold"><summary>${words}</summary>${same(diff, piece)}</details>`;
}

/** Return a hunk: where it stands, then its rows. */
function hunk(diff, piece, number, count) {
  const lines = extent(piece.rows);
  const isAll = count === 1 && diff.old.text.length === 0;
  const head = diff.where && !isAll ? `<p class="where">${diff.where(lines)}</p>` : '';
  const rows = piece.rows.map((row) => (row.kind === 'same' ? same : change)(diff, row)).join('');
  return `<div class="hunk" role="group" tabindex="-1" id="${diff.id}-${number}" aria-label="`
    + `${escape(diff.id)}, part ${number} of ${count}, line ${lines.first}">${head}${rows}</div>`;
}

/** Return the first and the last line of rows in the new text, and the line of the first change. */
function extent(rows) {
  const end = rows.at(-1);
  const last = end.new + (end.count ?? end.added) - 1;
  const change = rows.find(({ kind }) => kind === 'change')?.new ?? rows[0].new;
  return { first: Math.max(1, Math.min(rows[0].new, last)), last: Math.max(1, last), change };
}

/** Return unchanged lines, with both their numbers. */
function same(diff, { old, new: start, count }) {
  const rows = Array.from({ length: count }, (_, at) => `<div class="l" data-o="${
    shown(diff.old, old + at)}" data-n="${shown(diff.new, start + at)}"><code>${
    diff.new.html[start + at - 1]}</code></div>`);
  return `<div class="same">${rows.join('')}</div>`;
}

/** Return a line's number in its file. */
function shown(side, number) {
  return number + (side.above ?? 0);
}

/** Return a change: its removed lines, then its added ones, each with its row side by side. */
function change(diff, edit) {
  const { removed, added } = compared(diff, edit);
  giveRows(removed, added);
  const html = runs(removed, SIDES.old) + runs(added, SIDES.new);
  return `<div class="block">${html}</div>`;
}

/** Return the lines of one side of a change: {number, text, html, moved, pair} of each. */
function sideLines(side, moved, start, count) {
  return Array.from({ length: count }, (_, offset) => {
    const number = start + offset;
    return { number: shown(side, number), text: side.text[number - 1],
      html: side.html[number - 1], moved: moved?.get(number) ?? null, pair: null };
  });
}

/** Return the lines of a change; where lines are alike, the words that differ are marked. */
function compared(diff, edit) {
  const removed = sideLines(diff.old, diff.moved?.old, edit.old, edit.removed);
  const added = sideLines(diff.new, diff.moved?.new, edit.new, edit.added);
  const texts = (lines) => lines.map(({ moved, text }) => (
    moved || text.startsWith('#include') ? '' : text));
  for (const [i, j] of pairs(texts(removed), texts(added))) markPair(removed[i], added[j]);
  return { removed, added };
}

/** Mark the words in which two lines differ. */
function markPair(before, after) {
  const [gone, come] = differences(before.text, after.text);
  before.pair = after;
  after.pair = before;
  before.html = mark(before.html, gone);
  after.html = mark(after.html, come);
}

/** Give each line its row side by side: a pair shares one, a note takes one of its own. */
function giveRows(removed, added) {
  let [left, right] = [1, 1];
  let next = 0;
  for (const line of removed) {
    if (line.pair) {
      for (; added[next] !== line.pair; next++) right = place(added[next], right);
      left = right = Math.max(left, right);
      right = place(added[next++], right);
    }
    left = place(line, left);
  }
  for (; next < added.length; next++) right = place(added[next], right);
}

/** Put a line into a row, below its note; return the next free row. */
function place(line, row) {
  line.row = row + (line.moved?.first ? 1 : 0);
  return line.row + 1;
}

/** Return the lines of one side; what they are is said once, before the first. */
function runs(lines, side) {
  const words = `<span class="hidden-text">${lines.length} ${
    lines.length === 1 ? 'line' : 'lines'} ${side.done}: </span>`;
  return lines.map((line, at) => note(line, side) + changedLine(line, side, at === 0 ? words : ''))
    .join('');
}

/** Return the note above the first line of a block that moved: where the block is, or was. */
function note({ moved, row }, side) {
  if (!moved?.first) return '';
  const words = moved.href ? `<a href="${escape(moved.href)}">${escape(moved.words)}</a>`
    : escape(moved.words);
  return `<p class="note ${side.tag}" id="${escape(moved.id)}" style="--row:${row - 1}">`
    + `${moved.sign} ${words}</p>`;
}

/** Return a removed or an added line. */
function changedLine({ number, html, moved, row }, side, words) {
  return `<${side.tag} class="l${moved ? ' moved' : ''}" data-${side.data}="${number}" `
    + `style="--row:${row}">${words}<b aria-hidden="true">${moved?.sign ?? side.sign}</b>`
    + `<code>${html}</code></${side.tag}>`;
}
