// Any two stages compared, file by file. Stages that have the same two versions share a page.
import { allPairs, changes, pairPath } from '../lib/pairs.mjs';
import { findMoved, marksOf } from '../lib/moved.mjs';
import { codeHref, codeLink, countsHtml, versions } from '../lib/sources.mjs';
import { SCRIPTS, STYLES, TOOLS, fileDiff, historyLink, viewer } from '../lib/view.mjs';

/** Make the table of stages, a list of files for each two, and a page for each two versions. */
export async function pages(book) {
  const twos = book.stages.flatMap((older, at) => book.stages.slice(at + 1)
    .map((newer) => [older, newer]));
  return [tablePage(book), ...twos.map((two) => listPage(book, ...two)),
    ...allPairs(book).map((pair) => pairPage(book, pair))];
}

/** Return the path of the list for two stages. */
function listPath(older, newer) {
  return `compare/${older.short}-${newer.short}/index.html`;
}

/** Return the names of stages, such as `v03 to v05, v07`. */
function named(stages) {
  const runs = [];
  for (const { number, short } of stages) {
    const last = runs.at(-1);
    if (last && last.end === number - 1) Object.assign(last, { end: number, to: short });
    else runs.push({ start: number, end: number, from: short, to: short });
  }
  const words = ({ start, end, from, to }) => (start === end ? from
    : `${from}${end === start + 1 ? ',' : ' to'} ${to}`);
  return runs.map(words).join(', ');
}

// -- the table -----------------------------------------------------------------

/** Make the table of all stages against all: older ones down, newer ones across. */
function tablePage(book) {
  const head = book.stages.map((stage) => `<th scope="col">${stage.short}</th>`).join('');
  const rows = book.stages.map((older) => `<tr><th scope="row">${older.name}</th>`
    + `${book.stages.map((newer) => cell(book, older, newer)).join('')}</tr>`);
  const html = `<h1>Compare two stages</h1>
<p>Choose two stages. The number is how many lines change between them, those that come and those
that go. From a stage to the next one,
<a href="@/${book.stages[0].short}/step/index.html">the steps</a> are the better way: they have
an order and words.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Each two stages">
<table class="stages"><caption class="hidden-text">The stage of the row with that of the
column</caption>
<thead><tr><td></td>${head}</tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div>`;
  return { path: 'compare/index.html', title: 'Compare two stages', html, styles: STYLES };
}

/** Return a cell: the way to the two stages' list; the same list for both directions. */
function cell(book, a, b) {
  if (a === b) return '<td class="self">·</td>';
  const [older, newer] = a.number < b.number ? [a, b] : [b, a];
  const lines = changes(book, older, newer)
    .reduce((sum, { added, removed }) => sum + added + removed, 0);
  return `<td><a href="@/${listPath(older, newer)}">${lines}<span class="hidden-text"> lines, `
    + `${older.short} to ${newer.short}</span></a></td>`;
}

// -- two stages ----------------------------------------------------------------

/** Make the list of what became of each file from one stage to another. */
function listPage(book, older, newer) {
  const all = changes(book, older, newer);
  const parts = [['changed', 'Changed'], ['new', 'New'], ['gone', 'Gone']]
    .map(([status, words]) => listPart(all, status, words, older, newer));
  const same = all.filter(({ status }) => status === 'unchanged');
  const title = `${older.short} and ${newer.short} compared`;
  const html = `<h1>${older.name} → ${newer.name}</h1>
${newer.number === older.number + 1 ? `<p><a href="@/${newer.short}/step/index.html">The same in `
    + `steps, with words</a>: read that first.</p>` : ''}
${parts.join('\n')}
${same.length ? `<h2 id="unchanged">Unchanged</h2>\n<p>${
    same.map(({ name }) => codeLink({ stage: newer, name })).join(', ')}</p>` : ''}`;
  return { path: listPath(older, newer), title, html, styles: STYLES, toc: false,
    nav: { up: { href: '@/compare/index.html', title: 'all stages' } } };
}

/** Return the table of the files with a status; nothing when there is none. */
function listPart(all, status, words, older, newer) {
  const found = all.filter((one) => one.status === status);
  if (found.length === 0) return '';
  const link = (one) => (one.pair
    ? `<a href="@/${pairPath(one.pair)}"><code>${one.name}</code></a>`
    : codeLink({ stage: status === 'new' ? newer : older, name: one.name }));
  const rows = found.map((one) => `<tr><td>${link(one)}</td>`
    + `<td class="number">${countsHtml(one)}</td></tr>`);
  const label = `${words}: ${found.length} ${found.length === 1 ? 'file' : 'files'}`;
  return `<h2 id="${status}">${label}</h2>
<div class="scroll" tabindex="0" role="region" aria-label="${words} files"><table class="changes">
<thead><tr><th>File</th><th class="number">Lines</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div>`;
}

// -- two versions --------------------------------------------------------------

/** Make the page of two versions of a file. */
function pairPage(book, pair) {
  const { name, from, to, edits } = pair;
  const files = [{ old: from.source.text, new: to.source.text, edits }];
  const [moved] = marksOf(findMoved(files), files, (_, side, id) => `#${id}`,
    ({ line }) => `line ${line}`);
  const title = `${name}, ${from.first.short} to ${to.first.short}`;
  const links = [`<a href="${codeHref(from.source)}">${name} of ${from.first.short}</a>`,
    historyLink(name)];
  const html = `<h1><code>${name}</code>
<small>${from.first.short} → ${to.first.short}</small></h1>
${againstWords(book, pair)}${TOOLS}
${viewer(fileDiff({ old: from.source, new: to.source, edits, moved, status: '', links }))}`;
  return { path: pairPath(pair), title, html, styles: STYLES, scripts: SCRIPTS, toc: false,
    nav: pairNav(book, pair) };
}

/** Return which stages have the two texts; nothing where the heading says it. */
function againstWords(book, { name, from, to }) {
  const words = [from, to].map((version) => versionWords(book, name, version));
  return words.some((one) => one.includes('same'))
    ? `<p>${words[0]} against ${words[1]}.</p>\n` : '';
}

/** Return which stages have a version's text. */
function versionWords(book, name, { as }) {
  const stages = versions(book, name).filter((one) => one.as === as).flatMap((one) => one.stages);
  return stages.length === 1 ? as.short : `${as.short} (the same in ${named(stages.slice(1))})`;
}

/** Return the way to the version before and to the one after. */
function pairNav(book, { name, from, to }) {
  const all = versions(book, name);
  const link = (older, newer) => older && newer && { title: `${name}, ${older.first.short} to `
    + `${newer.first.short}`, href: `@/${pairPath({ name, from: older, to: newer })}` };
  return { prev: link(all[all.indexOf(from) - 1], from), next: link(to, all[all.indexOf(to) + 1]),
    up: { href: `@/file/${name}/index.html`, title: `${name} through the stages` } };
}
