// The facts that all pages are made of: what facts.py says, and the files of the repository.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BOOK = resolve(dirname(fileURLToPath(import.meta.url)), '..');
export const ROOT = resolve(BOOK, '../..');

let loaded = null;

/** Return the facts; ask facts.py the first time. */
export function book() {
  loaded ??= load();
  return loaded;
}

function load() {
  const text = execFileSync('python3', [join(BOOK, 'facts.py')],
    { maxBuffer: 1 << 28, encoding: 'utf8' });
  const facts = JSON.parse(text);
  for (const stage of facts.stages) {
    stage.functionsOf = groupBy(stage.functions, (f) => f.file);
    stage.definitions = groupBy(stage.functions, (f) => f.name);
  }
  return { ...facts, root: ROOT, stage: (short) => stageOf(facts, short), leftOut: [] };
}

/** Return a Map from key(item) to the items that have it. */
export function groupBy(items, key) {
  const found = new Map();
  for (const item of items) {
    if (!found.has(key(item))) found.set(key(item), []);
    found.get(key(item)).push(item);
  }
  return found;
}

/** Return the stage of `v07`, `v07_buffer` or of a path in it; undefined when there is none. */
function stageOf(facts, name) {
  const short = String(name).slice(0, 3);
  return facts.stages.find((stage) => stage.short === short);
}

/** Return the text of a file of the repository. */
export function read(path) {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Return whether the repository has the file or folder. */
export function exists(path) {
  return existsSync(join(ROOT, path));
}

/** Say, once, in the build's last lines, what is not in the book and why. */
export function leaveOut(words) {
  if (!book().leftOut.includes(words)) book().leftOut.push(words);
}
