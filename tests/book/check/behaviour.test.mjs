// The table of behaviours: each `no` leads to the check that shows it and to the stage that mends
// it.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { holds, inBrowser, open, same } from './harness.mjs';
import { STAGES } from './kinds.mjs';
import { ROOT } from './place.mjs';

/** Return the measured table of the top README: an array of rows, each an array of cells. */
function measured() {
  const text = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const [, table] = /<!-- matrix:begin[^]*?-->([^]*?)<!-- matrix:end -->/.exec(text);
  return table.split('\n').filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim())).slice(2);
}

// Runs in the page: the words of each cell, and where its links lead.
const cellsOf = () => [...globalThis.document.querySelectorAll('main table:first-of-type tbody tr')]
  .map((row) => [...row.cells].map((cell) => ({ words: cell.textContent.trim(),
    links: [...cell.querySelectorAll('a')].map((link) => link.getAttribute('href')) })));

inBrowser('the table says what was measured', async (page) => {
  await open(page, 'behaviour.html');
  const shown = (await page.evaluate(cellsOf)).map((row) => row.slice(1)
    .map((cell) => /^(yes|no|in part)?/.exec(cell.words)[0]));
  same(page, 'the cells of the README', shown, measured().map((row) => row.slice(1)),
    'the table is made of something else than the README\'s');
});

inBrowser('each no leads to its check and to the stage that mends it', async (page) => {
  await open(page, 'behaviour.html');
  const rows = await page.evaluate(cellsOf);
  const wrong = rows.flatMap((row) => row.flatMap((cell, at) => (
    at > 0 && /^(no|in part)/.test(cell.words) ? wrongLinks(cell, row, at) : [])));
  holds(page, 'two links at each no: a check, and the next stage that says yes',
    wrong.length === 0 && rows.length > 10, wrong, 'a check without the mark @limitation');
});

function wrongLinks({ links }, row, at) {
  const mends = row.findIndex((later, i) => i > at && later.words === 'yes');
  const to = `${STAGES[mends - 1]}/index.html`;
  const right = /^tests\/checks\/check_\w+\.py\.html#./.test(links[0] ?? '')
    && (mends < 0 || links[1] === to);
  return right ? [] : [`${row[0].words}, ${STAGES[at - 1]}: ${links.join(', ') || 'no links'}`];
}

inBrowser('the check of a no is shown, with the lines that check', async (page) => {
  await open(page, 'behaviour.html');
  const links = page.locator('main table td a[href^="tests/checks/"]');
  await links.first().click();
  await page.waitForURL(/check_\w+\.py\.html#/);
  const shown = await page.evaluate(() => {
    const there = globalThis.document.getElementById(
      decodeURIComponent(globalThis.location.hash.slice(1)));
    const top = there?.getBoundingClientRect().top ?? -1;
    return { top, words: there?.textContent.slice(0, 80) ?? 'nothing has that name' };
  });
  holds(page, 'the check in sight', shown.top >= 0 && shown.top < 800, shown.words,
    'the anchor of the check stands elsewhere');
});
