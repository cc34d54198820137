// Which words of a line changed: removed lines are paired with the added lines that are like them,
// and the words that differ are marked.
import { diffArrays } from 'diff';

const ALIKE = 0.5;       // the share of words that two lines of a pair have in common
const LARGEST = 2500;    // pairs to try in one change; a larger one is not a change of words

/** Return the words, spaces and signs of a line. */
function words(line) {
  return line.match(/\w+|\s+|[^\w\s]/g) ?? [];
}

/** Return the share of words that two lists of words have in common, from 0 to 1. */
function likeness(a, b) {
  const left = new Map();
  for (const word of a) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of b) {
    const count = left.get(word) ?? 0;
    if (count > 0) common += 1;
    left.set(word, count - 1);
  }
  return a.length + b.length === 0 ? 0 : 2 * common / (a.length + b.length);
}

/**
 * Return pairs of indices of lines that are alike, in order, with the most likeness in all. Lines
 * of signs alone, such as `}`, make no pair: they would tear apart what belongs together.
 */
export function pairs(removed, added) {
  if (removed.length * added.length > LARGEST) return [];
  const split = (lines) => lines.map((line) => line.match(/\w+/g) ?? []);
  return backwards(scores(split(removed), split(added)));
}

/** Return the table of the best sum of likeness for each pair of ends, with each pair's own. */
function scores(a, b) {
  const best = [new Array(b.length + 1).fill(0)];
  const own = [];
  for (let i = 1; i <= a.length; i++) {
    best.push([0]);
    own.push([]);
    for (let j = 1; j <= b.length; j++) {
      const like = likeness(a[i - 1], b[j - 1]);
      own[i - 1].push(like);
      const paired = like >= ALIKE ? best[i - 1][j - 1] + like : 0;
      best[i].push(Math.max(best[i - 1][j], best[i][j - 1], paired));
    }
  }
  return { best, own };
}

/** Walk back through the table, and return the pairs that it was made of. */
function backwards({ best, own }) {
  const found = [];
  let i = best.length - 1;
  let j = best[0].length - 1;
  while (i > 0 && j > 0) {
    const like = own[i - 1][j - 1];
    if (like >= ALIKE && best[i][j] === best[i - 1][j - 1] + like) found.unshift([--i, --j]);
    else if (best[i][j] === best[i - 1][j]) i--;
    else j--;
  }
  return found;
}

/** Return the parts of two lines that differ: [[start, end], ...] of each. */
export function differences(oldLine, newLine) {
  const ranges = { removed: [], added: [] };
  const at = { removed: 0, added: 0 };
  for (const part of diffArrays(words(oldLine), words(newLine))) {
    const length = part.value.join('').length;
    for (const side of ['removed', 'added']) {
      if (part[side === 'removed' ? 'added' : 'removed']) continue;
      if (part[side]) ranges[side].push([at[side], at[side] + length]);
      at[side] += length;
    }
  }
  return [joined(ranges.removed, oldLine), joined(ranges.added, newLine)];
}

/** Join ranges that only spaces part; a range has no spaces at its ends. */
function joined(ranges, line) {
  const found = [];
  for (const [start, end] of ranges) {
    const last = found.at(-1);
    if (last && !line.slice(last[1], start).trim()) last[1] = end;
    else found.push([start, end]);
  }
  return found.map(([start, end]) => trimmed(start, end, line))
    .filter(([start, end]) => start < end);
}

/** Return a range without the spaces at its ends. */
function trimmed(start, end, line) {
  const text = line.slice(start, end);
  return [start + text.length - text.trimStart().length, start + text.trimEnd().length];
}

/** Mark ranges of a line's text in its highlighted HTML; no mark crosses a tag. */
export function mark(html, ranges) {
  let at = 0;
  return html.replace(/<[^>]*>|&[^;]+;|[^<&]+/g, (piece) => {
    if (piece[0] === '<') return piece;
    const start = at;
    at += piece[0] === '&' ? 1 : piece.length;
    return piece[0] === '&' ? markEntity(piece, start, ranges) : markText(piece, start, ranges);
  }).replaceAll('</mark><mark>', '');
}

/** Mark an entity, which is one character of the text. */
function markEntity(piece, start, ranges) {
  return ranges.some(([from, to]) => from <= start && start < to) ? `<mark>${piece}</mark>` : piece;
}

/** Mark the parts of a plain text that begins at `start` of its line. */
function markText(piece, start, ranges) {
  let html = '';
  let done = start;
  for (const [from, to] of ranges) {
    const [a, b] = [Math.max(from, done), Math.min(to, start + piece.length)];
    if (a >= b) continue;
    const part = (first, last) => piece.slice(first - start, last - start);
    html += `${part(done, a)}<mark>${part(a, b)}</mark>`;
    done = b;
  }
  return html + piece.slice(done - start);
}
