// Each function through the stages: its texts, and who uses it.
import { groupBy } from './book.mjs';
import { resolveFunction } from './code.mjs';
import { runsOf, source } from './sources.mjs';

const SILENT = /\/\*[\s\S]*?\*\/|\/\/.*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;
const NAME = /(\.|->)?\s*\b([A-Za-z_]\w*)\b/g;

/** Return a Map from each function's name to a Map from each file to its versions. */
export function functionHistories(book) {
  const all = book.stages.flatMap((stage) => stage.functions.map((one) => ({ ...one, stage })));
  const byName = [...groupBy(all, ({ name }) => name)].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(byName.map(([name, list]) => [name, new Map([...groupBy(list, ({ file }) => file)]
    .map(([file, found]) => [file, functionVersions(found)]))]));
}

/** Return the versions of a function of one file, in order: {first, stages, side, items, as}. */
function functionVersions(found) {
  return runsOf(found.map(textOf)).map((run) => ({ ...run, side: run.items[0] }));
}

/** Return a function's lines, with the comment above it: a side of a diff. */
function textOf({ stage, file, line, last }) {
  const { text, html } = source(stage, file);
  const above = firstLine(text, line) - 1;
  return { stage, name: file, text: text.slice(above, last), html: html.slice(above, last), above };
}

/** Return the line at which a function's comment begins, or its head when it has none. */
function firstLine(text, line) {
  if (!text[line - 2]?.trim().endsWith('*/')) return line;
  let first = line - 1;
  while (first > 1 && !text[first - 1].trim().startsWith('/*')) first--;
  return /^\s*\/\*/.test(text[first - 1]) ? first : line;
}

/** Return a Map from `file name` of a function to the functions of a stage that name it. */
export function usersIn(stage) {
  const users = new Map();
  for (const [file, functions] of groupBy(stage.functions, (one) => one.file)) {
    const code = codeAlone(source(stage, file).text.join('\n')).split('\n');
    for (const user of functions) {
      for (const used of usedIn(stage, user, code)) {
        const key = `${used.file} ${used.name}`;
        users.set(key, [...users.get(key) ?? [], user]);
      }
    }
  }
  return users;
}

/** Blank out comments and texts between quotes; the lines stay where they are. */
function codeAlone(text) {
  return text.replace(SILENT, (found) => found.replace(/[^\n]/g, ' '));
}

/** Return the functions that a function's body names; a struct's member is none. */
function usedIn(stage, user, code) {
  const body = code.slice(user.line - 1, user.last).join('\n');
  const names = new Set([...body.matchAll(NAME)].filter(([, member]) => !member)
    .map(([, , name]) => name));
  names.delete(user.name);
  return [...names].map((name) => resolveFunction(stage, user.file, name)).filter(Boolean);
}
