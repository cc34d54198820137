// The checks: what tests/README.md says, the files of the checks, and other files that are linked.
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, exists, read } from '../lib/book.mjs';
import { escape } from '../lib/html.mjs';
import { render, sections } from '../lib/markdown.mjs';
import { isSecret, pageOf } from '../lib/repository.mjs';
import { numberedFile } from './code.mjs';

/** Make the pages of the tests' READMEs and of each file of checks. */
export async function pages(book) {
  const readmes = ['tests/README.md', 'tests/exercises/README.md'].filter(exists);
  const files = [...new Set(book.checks.map((check) => check.file))];
  return [...await Promise.all(readmes.map(readmePage)),
    ...files.map((file) => checksPage(file, book.checks.filter((one) => one.file === file)))];
}

async function readmePage(path) {
  const html = await render(read(path), path);
  const title = /<h1[^>]*>(.*?)<\/h1>/s.exec(html)[1].replace(/<[^>]*>/g, '');
  return { path: pageOf(path), title, html, search: sections(html),
    nav: { up: { href: '@/index.html', title: 'the course' } } };
}

/** Make the page of a file of checks; each check is an anchor. */
function checksPage(path, checks) {
  const list = checks.map((check) => `<li><a href="#L${check.line}"><code>${check.name}</code></a> `
    + `${escape(check.words)}</li>`);
  let code = numberedFile(path);
  for (const check of checks) {
    code = code.replace(`<span class="line" id="L${check.line}">`,
      `<span class="line" id="L${check.line}"><span class="anchor" id="${check.name}"></span>`);
  }
  return { path: pageOf(path), title: path.split('/').pop(), toc: false,
    html: `<h1><code>${path}</code></h1>\n<ul class="checks">\n${list.join('\n')}\n</ul>\n${code}`,
    search: checks.map((check) => ({ title: check.name, anchor: check.name, text: check.words,
      kind: 'Checks' })),
    nav: { up: { href: '@/behaviour.html', title: 'what each stage promises' } } };
}

/** Make the page of any other file or folder of the repository. */
export async function filePage(path) {
  if (isSecret(path)) throw new Error(`${path} would give an answer away`);
  if (path.endsWith('.md')) return { ...await readmePage(path), path: pageOf(path) };
  if (statSync(join(ROOT, path)).isDirectory()) return folderPage(path);
  return { path: pageOf(path), title: path, toc: false,
    html: `<h1><code>${escape(path)}</code></h1>\n${numberedFile(path)}` };
}

async function folderPage(path) {
  if (exists(`${path}/README.md`)) return readmePage(`${path}/README.md`);
  const names = execFileSync('git', ['-C', ROOT, 'ls-files', '--cached', '--others',
    '--exclude-standard', '--', path], { encoding: 'utf8' }).split('\n').filter(Boolean);
  const items = names.map((name) => `<li><code>${escape(name.slice(path.length + 1))}</code></li>`);
  return { path: pageOf(path), title: path,
    html: `<h1><code>${escape(path)}</code></h1>\n<ul>\n${items.join('\n')}\n</ul>` };
}
