// The glossary of the top README, with an anchor for each term.
import { read } from '../lib/book.mjs';
import { escape, plain, slug } from '../lib/html.mjs';
import { render } from '../lib/markdown.mjs';

const SECTION = /^## Glossary\n([\s\S]*?)(?=^## |(?![\s\S]))/m;
const ENTRY = /^- \*\*(.+?)\*\*: ((?:.|\n(?!- |\n))*)/gm;

/** Return the terms of a README: [{term, words}]. */
export function terms(markdown) {
  const section = SECTION.exec(markdown)?.[1] ?? '';
  return [...section.matchAll(ENTRY)].map(([, term, words]) => ({ term,
    words: words.replace(/\s*\n\s*/g, ' ').trim() }));
}

/** Make the page. */
export async function pages(book) {
  const found = terms(read('README.md'));
  const known = new Set(found.map(({ term }) => term));
  const entries = await Promise.all(found.map(async ({ term, words }) => ({ term,
    id: slug(term), html: await definition(words, known, book) })));
  const list = entries.map(({ term, id, html }) => `<dt id="${id}">${escape(term)}</dt>`
    + `<dd>${html}</dd>`);
  return [{ path: 'glossary.html', title: 'Glossary', toc: false,
    html: `<h1>Glossary</h1>\n<dl>\n${list.join('\n')}\n</dl>`,
    search: entries.map(({ term, id, html }) => ({ title: term, anchor: id,
      text: plain(html) })) }];
}

/** Return a definition as HTML; other terms and stages in it are links. */
async function definition(words, known, book) {
  const html = (await render(words, 'README.md')).replace(/^<p>|<\/p>\s*$/g, '');
  return html
    .replace(/<em>(.*?)<\/em>/g, (whole, term) => (known.has(term)
      ? `<a href="#${slug(term)}">${whole}</a>` : whole))
    .replace(/\bv\d\d\b(?![^<]*>)/g, (short) => (book.stage(short)
      ? `<a href="@/${short}/index.html">${short}</a>` : short));
}
