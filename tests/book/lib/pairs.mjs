// Each pair of versions of each file, compared once; the sections share what was found.
import { counts, editsOf } from './edits.mjs';
import { fileNames, hasFile, versions } from './sources.mjs';

let known = null;

/** Return all pairs: {name, from, to, edits}; `from` and `to` are versions, the older one first. */
export function allPairs(book) {
  known ??= compared(book);
  return known.list;
}

/** Compare all pairs of versions in one run of git. */
function compared(book) {
  const found = fileNames(book).flatMap((name) => pairsOf(name, versions(book, name)));
  const byPath = new Map(found.reverse().map((pair) => [pairPath(pair), pair]));
  const list = [...byPath.values()].reverse();
  const edits = editsOf(list.map(({ from, to }) => [from.source.text, to.source.text]));
  list.forEach((pair, at) => { pair.edits = edits[at]; });
  return { list, byPath };
}

/** Return each version with each later one that is another text. */
function pairsOf(name, found) {
  return found.flatMap((from, at) => found.slice(at + 1).filter((to) => to.as !== from.as)
    .map((to) => ({ name, from, to })));
}

/** Return the path of a pair's page; each text is named by the first stage that has it. */
export function pairPath({ name, from, to }) {
  return `compare/${name}/${from.as.short}-${to.as.short}.html`;
}

/** Return what became of a file from one stage to another: {name, status, added, removed, pair}. */
export function change(book, name, older, newer) {
  const inStage = (stage) => versions(book, name).find(({ stages }) => stages.includes(stage));
  const [from, to] = [inStage(older), inStage(newer)];
  if (!from) return { name, status: 'new', added: to.source.text.length, removed: 0 };
  if (!to) return { name, status: 'gone', added: 0, removed: from.source.text.length };
  if (from.as === to.as) return { name, status: 'unchanged', added: 0, removed: 0 };
  allPairs(book);
  const pair = known.byPath.get(pairPath({ name, from, to }));
  return { name, status: 'changed', ...counts(pair.edits), pair };
}

/** Return what became of every file that one of two stages has, in reading order. */
export function changes(book, older, newer) {
  return fileNames(book).filter((name) => hasFile(older, name) || hasFile(newer, name))
    .map((name) => change(book, name, older, newer));
}
