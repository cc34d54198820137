// The stages' files as the diffs need them: plain lines, highlighted lines, versions.
import { groupBy, read } from './book.mjs';
import { lines } from './code.mjs';
import { escape } from './html.mjs';

const known = new Map();
const versionsOf = new Map();

/** Return a stage's file: {stage, name, text, html}, with two arrays of lines. */
export function source(stage, name) {
  const key = `${stage.short}/${name}`;
  if (!known.has(key)) {
    const text = read(`${stage.name}/${name}`).replace(/\n$/, '').split('\n');
    known.set(key, { stage, name, text, html: lines(stage.short, name) });
  }
  return known.get(key);
}

/** Return a file that is not there. */
export function nothing(stage, name) {
  return { stage, name, text: [], html: [] };
}

/** Return the names of all files of all stages, in reading order. */
export function fileNames(book) {
  const rank = ({ name, program }) => (name === 'Makefile' ? -1
    : program ? 1000 + (name !== 'echo_server.c') : ladderRank(book, name));
  const files = new Map(book.stages.flatMap((stage) => stage.files)
    .map((file) => [file.name, file]));
  return [...files.values()].sort((a, b) => rank(a) - rank(b) || byName(a.name, b.name))
    .map(({ name }) => name);
}

/** Return how far up the ladder of parts a file stands. */
function ladderRank(book, name) {
  const at = book.ladder.indexOf(name.replace(/\.[ch]$/, ''));
  return at < 0 ? 999 : at;
}

/** Compare names: a part's header comes before its source. */
function byName(a, b) {
  const key = (name) => name.replace(/\.h$/, '.a');
  return key(a) < key(b) ? -1 : Number(key(a) > key(b));
}

/**
 * Return the versions of a file, in order: {first, stages, source, as}. Its stages are neighbours.
 * `as` is the first stage that has such a text: a stage may take a change back.
 */
export function versions(book, name) {
  if (!versionsOf.has(name)) {
    versionsOf.set(name, runsOf(book.stages.filter((stage) => hasFile(stage, name))
      .map((stage) => source(stage, name))).map((run) => ({ ...run, source: run.items[0] })));
  }
  return versionsOf.get(name);
}

/** Join neighbours that have the same text: {first, stages, items, as} of items {stage, text}. */
export function runsOf(items) {
  const runs = [];
  const firsts = new Map();
  for (const item of items) {
    const key = item.text.join('\n');
    if (!firsts.has(key)) firsts.set(key, item.stage);
    const as = firsts.get(key);
    if (runs.at(-1)?.as !== as) runs.push({ first: item.stage, stages: [], items: [], as });
    runs.at(-1).stages.push(item.stage);
    runs.at(-1).items.push(item);
  }
  return runs;
}

/** Whether a stage has a file of this name. */
export function hasFile(stage, name) {
  return stage.files.some((file) => file.name === name);
}

/** Return the address of a line of a file's code page, or of the page. */
export function codeHref({ stage, name }, line = 0) {
  return `@/${stage.short}/code/${name}.html${line ? `#L${line}` : ''}`;
}

/** Return a link to a file's code page. */
export function codeLink(file) {
  return `<a href="${codeHref(file)}"><code>${file.name}</code></a>`;
}

/** Return who makes the heads of a file's hunks: which lines they show, and in which function. */
export function placesIn(file) {
  const functions = groupBy(file.stage.functions, (one) => one.file).get(file.name) ?? [];
  return ({ first, last, change }) => {
    const lines = first === last ? `line ${first}` : `lines ${first}–${last}`;
    const inside = functions.find((one) => one.line < first && change <= one.last
      && one.line <= change);
    return `<a href="${escape(codeHref(file, first))}">${lines}</a>${inside
      ? `, in <a href="${escape(codeHref(file))}#${inside.name}"><code>${inside.name}</code></a>`
      : ''}`;
  };
}

/** Return counts such as +78 −60, said in words too. */
export function countsHtml({ added, removed }) {
  const part = (name, sign, count, words) => (count === 0 ? '' : `<span class="${name}">`
    + `<span aria-hidden="true">${sign}${count}</span>`
    + `<span class="hidden-text">${count} lines ${words}</span></span>`);
  return `<span class="counts">${[part('plus', '+', added, 'added'),
    part('minus', '−', removed, 'removed')].filter(Boolean).join(' ')}</span>`;
}
