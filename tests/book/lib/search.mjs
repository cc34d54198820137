// The search index: a plain script, so that it works from a file and without a server.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { plain } from './html.mjs';

const LIMIT = 1_000_000; // bytes of the index
const KINDS = [ // what a page's path says of its entries, when they don't say it themselves
  [/^v\d\d\/step\//, 'Steps'], [/^v\d\d\/code\//, 'Code'], [/^v\d\d\//, 'READMEs'],
  [/^exercises\//, 'Exercises'], [/^glossary/, 'Glossary'], [/^trace\//, 'Traces'],
  [/^tests\/checks\//, 'Checks'], [/^index|^tests\//, 'READMEs'],
];

/** Return the kind of a page's entries. */
export function kindOf(path) {
  return KINDS.find(([pattern]) => pattern.test(path))?.[1] ?? 'Pages';
}

/** Return the entries of all pages, with short names, for there are thousands. */
export function entries(pages) {
  return pages.flatMap((page) => (page.search ?? []).map((entry) => short(page, entry)));
}

/** Return an entry: k its kind, t its title, s its stages, a its address from the top, x its text.
 * What is alike in several stages has its address in the last of them. */
function short(page, entry) {
  const path = entry.path ?? page.path;
  return {
    k: entry.kind ?? kindOf(path),
    t: plain(entry.title),
    s: entry.stages ?? [entry.stage ?? page.stage].filter(Boolean),
    a: path + (entry.anchor ? `#${entry.anchor}` : ''),
    x: plain(entry.text ?? ''),
  };
}

/** Return the script: the search library, and what it searches. */
export function writeSearch(pages) {
  const path = createRequire(import.meta.url).resolve('minisearch');
  const library = readFileSync(path.replace(/dist\/.*$/, 'dist/umd/index.js'), 'utf8')
    .replace(/\n\/\/# sourceMappingURL=.*/, '');
  const text = `${library}\nwindow.BOOK_ENTRIES = ${JSON.stringify(entries(pages))};\n`;
  if (Buffer.byteLength(text) >= LIMIT) {
    throw new Error(`the search index has ${Buffer.byteLength(text)} bytes; under 1 MB is wanted`);
  }
  return text;
}
