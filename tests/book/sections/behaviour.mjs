// What each stage promises: the measured table, with the check behind each word.
import { escape, scrollBox } from '../lib/html.mjs';
import { render } from '../lib/markdown.mjs';
import { pageOf } from '../lib/repository.mjs';

/** Make the page of the table and of the checks behind it. */
export async function pages(book) {
  const rows = await Promise.all(book.rows.map(async (row) => ({ ...row,
    html: await inline(row.words), checks: checksOf(book, row.id) })));
  const html = `<h1>What each stage promises</h1>
<p>This table is measured by the tests. A <em>no</em> or an <em>in part</em> leads to the check that
shows it; the stage beside it is the first that does better. A behaviour's name leads to the checks
that promise it. Empty: it does not arise at that stage.</p>
${scrollBox(table(book, rows), 'Behaviours and stages')}
<h2 id="not-yet">What a <em>no</em> or <em>in part</em> stands for</h2>
${limits(book, rows)}
<h2 id="checks">The checks of each behaviour</h2>
${rows.map((row) => checkList(book, row)).join('\n')}`;
  return [{ path: 'behaviour.html', title: 'What each stage promises', html, toc: false, wide: true,
    search: rows.map((row) => ({ title: row.words.replace(/`/g, ''), anchor: row.id,
      kind: 'Behaviour', text: measured(book, row) })) }];
}

/** Return the row's cells in words, for the search. */
function measured(book, row) {
  return row.cells.map((words, at) => words && `${book.stages[at].short} ${words}`)
    .filter(Boolean).join(', ');
}

/** Return the checks of a row, each with the stages that it is for as one of this row. */
function checksOf(book, id) {
  return book.checks.flatMap((check) => {
    const stages = new Set([...(check.row === id ? check.stages : []),
      ...(check.also?.row === id ? check.also.stages : [])]);
    return stages.size ? [{ ...check, stages: [...stages].sort((a, b) => a - b) }] : [];
  });
}

/** Return one line of Markdown as HTML, without the paragraph around it. */
async function inline(words) {
  return (await render(words, 'README.md')).replace(/^<p>|<\/p>\s*$/g, '');
}

function table(book, rows) {
  const head = book.stages.map((stage) => `<th scope="col"><a href="@/${stage.short}/index.html">`
    + `${stage.short}</a></th>`);
  const body = rows.map((row) => `<tr><th scope="row"><a href="#${row.id}">${row.html}</a></th>`
    + `${row.cells.map((words, at) => cell(book, row, words, at)).join('')}</tr>`);
  return `<table class="behaviour"><thead><tr><th scope="col">Behaviour</th>${head.join('')}</tr>
</thead><tbody>
${body.join('\n')}
</tbody></table>`;
}

/** Return a cell: `yes`, nothing, or a `no` with its check and the stage that mends it. */
function cell(book, row, words, at) {
  if (words === 'yes' || words === '') return `<td class="yes">${words}</td>`;
  const shown = row.checks.find((check) => check.limit && check.stages.includes(at + 1));
  if (!shown) throw new Error(`no check shows: ${row.words}, v${at + 1}: ${words}`);
  const better = row.cells.findIndex((later, number) => number > at && later === 'yes');
  const name = `${row.words.replace(/`/g, '')}, ${book.stages[at].short}: ${words}`;
  return `<td class="${words === 'no' ? 'no' : 'part'}"><a href="${checkHref(shown)}" `
    + `title="${escape(shown.limit)}" aria-label="${escape(name)}">${words}</a>`
    + `${better < 0 ? '' : mends(book.stages[better])}</td>`;
}

function mends(stage) {
  return ` <small><a href="@/${stage.short}/index.html" title="better in ${stage.name}">`
    + `<span class="hidden-text">better in </span>${stage.short}</a></small>`;
}

function checkHref(check) {
  return `@/${pageOf(check.file)}#${check.name}`;
}

function span(book, numbers) {
  const [first, last] = [numbers[0], numbers[numbers.length - 1]];
  const short = (number) => book.stages[number - 1].short;
  const whole = last - first + 1 === numbers.length;
  if (!whole) return numbers.map(short).join(', ');
  return first === last ? short(first) : `${short(first)}–${short(last)}`;
}

function limits(book, rows) {
  const items = rows.flatMap((row) => row.checks.filter((check) => check.limit).map((check) => (
    `<li>${span(book, check.stages)}: ${escape(check.limit)} `
    + `(<a href="${checkHref(check)}"><code>${check.name}</code></a>)</li>`)));
  return `<ul>\n${items.join('\n')}\n</ul>`;
}

function checkList(book, row) {
  const items = row.checks.map((check) => `<li><a href="${checkHref(check)}">`
    + `<code>${check.name}</code></a> <small class="muted">${span(book, check.stages)}`
    + `${check.limit ? ', shows a limit' : ''}</small> ${escape(check.words)}</li>`);
  return `<h3 id="${row.id}">${row.html}</h3>\n<ul class="checks">\n${items.join('\n')}\n</ul>`;
}
