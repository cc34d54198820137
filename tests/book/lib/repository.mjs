// Which page of the book shows which file of the repository.
import { statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ROOT, book, exists } from './book.mjs';

const SECRET = /(^|\/)exercises\/[^/]+\/(?!README\.md$)/;
const wanted = new Map(); // path in the repository: who links to it
const copies = new Map(); // path in the book: path in the repository

/** Copy a file of the repository, such as a picture, into the book; return its address. */
export function copyOf(path) {
  copies.set(`files/${path}`, path);
  return `@/files/${path}`;
}

/** Return what is to be copied. */
export function copied() {
  return copies;
}

/** Return whether a file shows how an exercise is solved or judged. */
export function isSecret(path) {
  return /^v\d\d_/.test(path) && SECRET.test(path);
}

function isFolder(path) {
  return statSync(join(ROOT, path)).isDirectory();
}

/** Return the page of a stage's file or folder; undefined for what has no page of its own. */
function stagePage(path) {
  const stage = book().stage(path);
  const rest = path.slice(stage.name.length + 1);
  if (rest === '' || rest === 'README.md') return `${stage.short}/index.html`;
  if (stage.files.some((file) => file.name === rest)) return `${stage.short}/code/${rest}.html`;
  const exercise = /^exercises\/(\w+)(\/README\.md)?$/.exec(rest);
  if (exercise) return `exercises/${stage.short}/${exercise[1]}.html`;
  return rest === 'exercises' ? `exercises/index.html#${stage.short}` : undefined;
}

/** Return the page that shows a file or folder of the repository. */
export function pageOf(path) {
  const known = path === '' || path === 'README.md' ? 'index.html'
    : /^v\d\d_\w+(\/|$)/.test(path) && book().stage(path) ? stagePage(path) : undefined;
  if (known) return known;
  if (/(^|\/)README\.md$/.test(path)) return path.replace(/README\.md$/, 'index.html');
  return isFolder(path) ? `${path}/index.html` : `${path.replace(/\.md$/, '')}.html`;
}

/** Turn a link of a file of the repository into an address in the book. */
export function address(link, from) {
  const [name, part] = link.split('#');
  const path = name ? posix.normalize(posix.join(posix.dirname(from), decodeURI(name)))
    .replace(/\/$/, '').replace(/^\.$/, '') : from;
  if (path === 'README.md' || path === '') {
    if (part === 'glossary') return '@/glossary.html';
  }
  if (!exists(path)) throw new Error(`${from}: ${link} leads nowhere`);
  if (isSecret(path)) throw new Error(`${from}: ${link} would give an answer away`);
  const page = pageOf(path);
  if (!wanted.has(path)) wanted.set(path, from);
  return `@/${page}${part && !page.includes('#') ? `#${part}` : ''}`;
}

/** Make pages for the files that are linked and that no section has made a page for. */
export async function pagesOfWanted(made) {
  const { filePage } = await import('../sections/tests.mjs');
  const pages = [];
  for (const [path] of wanted) { // grows while it is walked through
    const page = pageOf(path).split('#')[0];
    if (made.has(page) || /^(v\d\d|exercises)\//.test(page) || page === 'index.html') continue;
    made.add(page);
    pages.push({ section: 'tests.mjs', ...await filePage(path) });
  }
  return pages;
}
