// Build the book: ask for the facts, let each section make its pages, write and check them.
//
//   node build.mjs                      all of it, into build/book
//   ONLY=readmes,code node build.mjs    those sections alone; links to others aren't checked
//   OUT=folder node build.mjs           into another folder
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BOOK, ROOT, book } from './lib/book.mjs';
import { problems } from './lib/check.mjs';
import { relative } from './lib/html.mjs';
import { layout } from './lib/layout.mjs';
import { copied, pagesOfWanted } from './lib/repository.mjs';
import { writeSearch } from './lib/search.mjs';

const OUT = process.env.OUT || join(ROOT, 'build/book');
const SHOWN = 40; // problems that are printed
const ONLY = (process.env.ONLY || '').split(',').filter(Boolean);

async function makePages() {
  const names = readdirSync(join(BOOK, 'sections')).filter((name) => name.endsWith('.mjs'))
    .filter((name) => ONLY.length === 0 || ONLY.includes(name.slice(0, -4))).sort();
  const pages = [];
  for (const name of names) {
    const section = await import(`./sections/${name}`);
    for (const page of await section.pages(book())) pages.push({ section: name, ...page });
  }
  return [...pages, ...await pagesOfWanted(new Set(pages.map((page) => page.path)))];
}

function write(path, text) {
  mkdirSync(dirname(join(OUT, path)), { recursive: true });
  writeFileSync(join(OUT, path), text);
}

function writePages(pages) {
  const paths = new Set(pages.map((page) => page.path));
  return new Map(pages.map((page) => {
    const html = relative(layout(page, book(), paths, ONLY.length > 0), page.path);
    write(page.path, html);
    return [page.path, html];
  }));
}

function writeAssets(pages) {
  cpSync(join(BOOK, 'assets'), join(OUT, 'assets'), { recursive: true });
  for (const [path, from] of copied()) {
    mkdirSync(dirname(join(OUT, path)), { recursive: true });
    cpSync(join(ROOT, from), join(OUT, path));
  }
  write('assets/search-index.js', writeSearch(pages));
}

/** Print the problems; of very many, the first ones. */
function report(found) {
  for (const line of found.slice(0, SHOWN)) console.error(line);
  if (found.length > SHOWN) console.error(`… and ${found.length - SHOWN} more`);
}

async function main() {
  const begun = Date.now();
  const pages = await makePages();
  if (ONLY.length === 0) rmSync(OUT, { recursive: true, force: true });
  const written = writePages(pages);
  writeAssets(pages);
  const found = problems(written, OUT, ONLY.length > 0);
  for (const line of book().leftOut) console.log(`left out: ${line}`);
  report(found);
  const bytes = [...written.values()].reduce((sum, html) => sum + html.length, 0);
  console.log(`${written.size} pages, ${(bytes / 1e6).toFixed(1)} MB, `
    + `${found.length} problems, ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  process.exitCode = found.length ? 1 : 0;
}

await main();
