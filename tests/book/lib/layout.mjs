// What surrounds every page: the header, where one is, the page's contents, the way on.
import { escape, plain } from './html.mjs';

const TITLE = 'A TCP server in ten stages';
const PLACES = [
  ['compare/index.html', 'Compare', /^compare\//],
  ['file/index.html', 'Files', /^(file|function)\//],
  ['trace/index.html', 'Traces', /^trace\//], ['behaviour.html', 'Behaviour'],
  ['exercises/index.html', 'Exercises', /^exercises\//], ['benchmarks.html', 'Benchmarks'],
  ['glossary.html', 'Glossary'], ['tests/index.html', 'Tests', /^tests\//],
];
const HEADING = /<h([23]) id="([^"]+)"[^>]*>(.*?)<\/h\1>/gs;
const FEW = 3; // headings; a page with fewer needs no table of contents

/** Return a whole page. `paths` holds the pages there are; `all` shows links to others too. */
export function layout(page, book, paths, all) {
  const there = (path) => all || paths.has(path.split('#')[0]);
  const toc = page.toc === false ? '' : contents(page.html);
  return `<!DOCTYPE html>
<html lang="en">
<head>
${head(page)}
</head>
<body${toc ? ' class="with-toc"' : ''}${page.stage ? ` data-stage="${page.stage}"` : ''}>
<a class="skip" href="#text">Skip to the text</a>
${header(page, book, there)}
${toc}<main id="text" tabindex="-1"${page.wide ? ' class="wide"' : ''}>
${page.html}
</main>
${footer(page)}
</body>
</html>
`;
}

function head(page) {
  const styles = ['book.css', ...(page.styles ?? [])];
  const scripts = ['book.js', ...(page.scripts ?? [])];
  const title = page.path === 'index.html' ? TITLE : `${page.title} · ${TITLE}`;
  return [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<link rel="icon" href="data:,">',
    `<title>${escape(title)}</title>`,
    ...styles.map((name) => `<link rel="stylesheet" href="@/assets/${name}">`),
    '<script src="@/assets/theme.js"></script>',
    ...scripts.map((name) => `<script src="@/assets/${name}" defer></script>`),
  ].join('\n');
}

function header(page, book, there) {
  return `<header class="top">
<div class="bar">
<a class="home" href="@/index.html">${TITLE}</a>
<button type="button" class="js" id="search-open" aria-keyshortcuts="/"
 aria-haspopup="dialog">Search <kbd>/</kbd></button>
<button type="button" class="js" id="theme" hidden>Theme</button>
<button type="button" class="js" id="keys-open" aria-keyshortcuts="?" aria-haspopup="dialog"
 aria-label="Keys">?</button>
</div>
<nav class="book" aria-label="Book">
${row(stageLinks(book), page, there)}
${row(page.stage ? PLACES.map((place) => place.slice(0, 2)) : PLACES, page, there)}
</nav>
${page.stage ? stageBar(page, book.stage(page.stage), book, there) : ''}</header>
`;
}

function stageLinks(book) {
  return book.stages.map(({ short, name }) => [`${short}/index.html`, short,
    new RegExp(`^(trace/|exercises/)?${short}[/-]`), name]);
}

/** Return the list of the places that there are. */
function row(places, page, there) {
  const items = places.filter(([path]) => there(path)).map((place) => item(place, page));
  return `<ul class="row">\n${items.join('\n')}\n</ul>`;
}

/** Make a list's entry; mark the reader's page, or the place whose pages it is one of. */
function item([path, words, pattern, name], page) {
  const here = path === page.path ? ' aria-current="page"'
    : pattern?.test(page.path) ? ' aria-current="true"' : '';
  const title = name ? ` title="${name}"` : '';
  return `<li><a href="@/${path}"${title}${here}>${words}</a></li>`;
}

/** Return the stage's own pages. */
function stageBar(page, stage, book, there) {
  const { short, name } = stage;
  const before = book.stages[stage.number - 2];
  const places = [
    [`${short}/index.html`, 'README'],
    [`${short}/step/index.html`, before ? `Steps from ${before.short}` : 'Steps', /\/step\//],
    [`${short}/code/index.html`, 'Code', /\/code\//],
    [`trace/index.html#${short}`, 'Traces', /^trace\//],
    [`exercises/index.html#${short}`, 'Exercises', /^exercises\//],
  ];
  return `<nav class="stage" aria-label="Stage ${short}">
<span class="name">${name}</span>
${row(places, page, there)}
</nav>
`;
}

/** Return the page's table of contents; nothing when the page has few headings. */
function contents(html) {
  const heads = [...html.matchAll(HEADING)];
  if (heads.length < FEW) return '';
  const items = heads.map(([, level, id, words]) => `<li class="level${level}">`
    + `<a href="#${id}">${escape(plain(words))}</a></li>`);
  return `<nav class="toc" aria-label="This page"><details open><summary>This page</summary>
<ul>
${items.join('\n')}
</ul></details></nav>
`;
}

function footer(page) {
  const { prev, up, next } = page.nav ?? {};
  const link = (to, rel, arrow) => (to ? `<a rel="${rel}" class="${rel}" href="${to.href}">`
    + `<span>${arrow}</span> ${escape(to.title)}</a>` : '');
  const links = [link(prev, 'prev', 'Before:'), link(up, 'up', 'Up:'), link(next, 'next', 'Next:')]
    .join('\n').trim();
  return `<footer class="bottom">
${links ? `<nav aria-label="Before and after">\n${links}\n</nav>\n` : ''}</footer>`;
}
