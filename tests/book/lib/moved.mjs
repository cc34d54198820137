// Which lines moved: at least three lines together that go in one place and come in another, in
// any file of a stage, indented as may be.
const LEAST = 3;
const LEAST_LETTERS = 40;   // fewer say nothing: braces, `return 0;`, the end of a function

/** Return a line as it is compared: its indentation does not count, nor the width of its gaps. */
function plain(line) {
  return line.trim().replace(/\s+/g, ' ');
}

/**
 * Return the blocks of lines that moved, the longest first: {from: {file, line}, to: {file, line},
 * count}. Each file is {old, new, edits}: two arrays of lines, and what lib/edits.mjs says of them.
 */
export function findMoved(files) {
  const gone = changed(files, 'old', 'removed');
  const come = changed(files, 'new', 'added');
  const taken = { gone: new Set(), come: new Set() };
  return runs(gone, come)
    .sort((a, b) => b.count - a.count || a.i - b.i || a.j - b.j)
    .map((run) => without(run, taken, gone, come))
    .filter(Boolean)
    .map(({ i, j, count }) => ({ from: place(gone[i]), to: place(come[j]), count }));
}

/** Return where a line stands. */
function place({ file, line }) {
  return { file, line };
}

/** Return the lines that the edits remove, or add: {file, line, text, next}, in order. */
function changed(files, side, counted) {
  return files.flatMap((file, number) => file.edits.flatMap((edit) => Array.from(
    { length: edit[counted] }, (_, offset) => ({
      file: number, line: edit[side] + offset,
      text: plain(file[side][edit[side] + offset - 1]),
    }))));
}

/** Return all longest runs of equal lines: {i, j, count}, indices of the two lists. */
function runs(gone, come) {
  const places = new Map();
  come.forEach(({ text }, j) => places.set(text, [...places.get(text) ?? [], j]));
  const found = [];
  gone.forEach(({ text }, i) => {
    for (const j of text ? places.get(text) ?? [] : []) {
      if (i > 0 && j > 0 && goesOn(gone, i - 1) && goesOn(come, j - 1) &&
          gone[i - 1].text === come[j - 1].text) continue;
      found.push({ i, j, count: runLength(gone, i, come, j) });
    }
  });
  return found.filter((run) => isTelling(gone, run));
}

/** Whether a list's next line follows in the same file. */
function goesOn(list, i) {
  const next = list[i + 1];
  return next !== undefined && next.file === list[i].file && next.line === list[i].line + 1;
}

/** Return for how many lines two lists are equal, from i and j on; the last one is not blank. */
function runLength(gone, i, come, j) {
  let count = 1;
  while (goesOn(gone, i + count - 1) && goesOn(come, j + count - 1) &&
         gone[i + count].text === come[j + count].text) count++;
  while (!gone[i + count - 1].text) count--;
  return count;
}

/** Whether a run is more than chance: long enough, and not of braces and `#include` alone. */
function isTelling(gone, { i, count }) {
  if (count < LEAST) return false;
  const text = gone.slice(i, i + count).map((line) => line.text)
    .filter((line) => !line.startsWith('#include')).join('');
  return text.replace(/\W/g, '').length >= LEAST_LETTERS;
}

/** Return what is left of a run where longer ones have taken lines, if it tells anything. */
function without(run, taken, gone, come) {
  let { i, j, count } = run;
  const isTaken = (offset) => taken.gone.has(i + offset) || taken.come.has(j + offset);
  while (count > 0 && (isTaken(0) || !/\w/.test(gone[i].text))) {
    i += 1;
    j += 1;
    count -= 1;
  }
  let length = 0;
  while (length < count && !isTaken(length)) length++;
  if (!isTelling(gone, { i, count: length })) return null;
  for (let offset = 0; offset < length; offset++) {
    taken.gone.add(i + offset);
    taken.come.add(j + offset);
  }
  return { i, j, count: length };
}

/**
 * Return the marks of moved lines for lib/diff.mjs: for each file {old, new}, two Maps from a
 * line's number to {id, words, href, sign, first}. `hrefOf(place, side, id)` and `nameOf(place)`
 * say where the other end of a move is to be seen, and how it is called.
 */
export function marksOf(blocks, files, hrefOf, nameOf) {
  const marks = files.map(() => ({ old: new Map(), new: new Map() }));
  blocks.forEach((block, number) => {
    const [from, to] = [`moved-${number + 1}-from`, `moved-${number + 1}-to`];
    const here = isInPlace(block, files);
    const lines = `${block.count} lines`;
    const set = (side, { file, line }, mark) => {
      for (let at = 0; at < block.count; at++) {
        marks[file][side].set(line + at, { ...mark, first: at === 0 });
      }
    };
    set('old', block.from, here
      ? { id: from, sign: '⇥', words: `${lines}: only the spaces change` }
      : { id: from, sign: '↗', words: `${lines} move to ${nameOf(block.to, 'new')}`,
        href: hrefOf(block.to, 'new', to) });
    set('new', block.to, here ? { id: to, sign: '⇥', words: `${lines}: only the spaces change` }
      : { id: to, sign: '↘', words: `${lines} come from ${nameOf(block.from, 'old')}`,
        href: hrefOf(block.from, 'old', from) });
  });
  return marks;
}

/** Whether lines stay where they are, and only their spaces change. */
function isInPlace({ from, to }, files) {
  const inside = (start, count, line) => start <= line && line < start + count;
  return from.file === to.file && files[from.file].edits.some((edit) => inside(
    edit.old, edit.removed, from.line) && inside(edit.new, edit.added, to.line));
}
