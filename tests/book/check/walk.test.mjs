// The way through the steps, by keys alone, as a teacher walks through it in front of a class.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { arrives, comes, holds, inBrowser, open, pathOf, same } from './harness.mjs';
import { FOLDER } from './place.mjs';

const stepsOf = (stage) => readdirSync(path.join(FOLDER, stage, 'step'))
  .map((name) => Number(/^(\d+)\.html$/.exec(name)?.[1])).filter(Boolean).sort((a, b) => a - b);

/** Press a key, and wait until the page is another one. */
async function press(page, key, where) {
  await page.keyboard.press(key);
  const pattern = new RegExp(`^${where.replaceAll('.', '\\.')}$`);
  await arrives(page, pattern, `the key ${key} is not listened to, or the way goes elsewhere`);
}

inBrowser('→ leads from v06 through all steps of v07 to v08, and ← back', async (page) => {
  const way = [`v06/step/${stepsOf('v06').at(-1)}.html`,
    ...stepsOf('v07').map((step) => `v07/step/${step}.html`), 'v08/step/1.html'];
  await open(page, way[0]);
  for (const where of way.slice(1)) {
    await press(page, 'ArrowRight', where);
    const title = await page.locator('h1').textContent();
    holds(page, 'the step\'s words', title.includes(`${/(\d+)\.html/.exec(where)[1]}. `), title,
      'the page of a step has another heading');
  }
  await press(page, 'ArrowLeft', way.at(-2));
});

// Runs in the page: which hunk has the focus, whether it can be seen, and how it is marked.
function focused() {
  const { document, innerHeight, getComputedStyle } = globalThis;
  const hunk = document.activeElement?.closest('.hunk');
  if (!hunk) return { number: -1, marked: false, seen: false };
  const { top, bottom } = hunk.getBoundingClientRect();
  const style = (one) => ['outlineStyle', 'borderLeftColor', 'boxShadow', 'backgroundColor']
    .map((name) => getComputedStyle(one)[name]).join(' ');
  const all = [...document.querySelectorAll('.hunk')];
  const other = all.find((one) => one !== hunk);
  return { number: all.indexOf(hunk), seen: bottom > 0 && top < innerHeight,
    marked: other === undefined || style(hunk) !== style(other) };
}

inBrowser('↓ goes from change to change, ↑ back, and each is seen', async (page) => {
  await open(page, 'v07/step/1.html');
  const count = await page.locator('.hunk').count();
  for (let number = 0; number < Math.min(count, 5); number += 1) {
    await goDownTo(page, number);
    const now = await page.evaluate(focused);
    holds(page, `change ${number + 1} in sight, and marked`, now.seen && now.marked, now,
      'it is not scrolled to, or .hunk:focus looks like any other');
  }
  await page.keyboard.press('ArrowUp');
  await comes(page, 'the focus on a change before', (last) => [...globalThis.document
    .querySelectorAll('.hunk')].indexOf(globalThis.document.activeElement) < last,
  { argument: Math.min(count, 5) - 1, cause: 'the key ↑ is not listened to' });
});

// A long change is scrolled through before the next one is reached.
async function goDownTo(page, number) {
  for (let tries = 0; tries < 20; tries += 1) {
    await page.keyboard.press('ArrowDown');
    const now = await page.evaluate(focused);
    if (now.number === number) return;
    holds(page, `the focus on change ${number + 1} or the one before`,
      now.number >= number - 1 && now.number < number, now, 'a change is left out');
  }
  same(page, 'the change that 20 times ↓ leads to', (await page.evaluate(focused)).number, number,
    'the key ↓ is not listened to, or does not leave a change');
}

const viewOf = () => globalThis.document.querySelector('.diffs')?.dataset.view;

/** Return how far apart the first removed and added lines of a change stand. */
function apart() {
  const block = [...globalThis.document.querySelectorAll('.block')]
    .find((one) => one.querySelector('del') && one.querySelector('ins'));
  const left = (name) => block?.querySelector(name).getBoundingClientRect().left ?? 0;
  return left('ins') - left('del');
}

inBrowser('s shows one column, and it stays so on the next page', async (page) => {
  await open(page, 'v07/step/1.html');
  const before = [await page.evaluate(viewOf), await page.evaluate(apart) > 300];
  same(page, 'side by side at first', before, ['split', true], 'diff.css or diff.js is not there');
  await page.keyboard.press('s');
  await comes(page, 'one column', () => globalThis.document.querySelector('.diffs')
    .dataset.view === 'one', { cause: 'the key s is not listened to' });
  same(page, 'removed lines above added ones', Math.abs(await page.evaluate(apart)) < 5, true,
    'diff.css does not know one column');
  await press(page, 'ArrowRight', 'v07/step/2.html');
  same(page, 'one column on the next page', await page.evaluate(viewOf), 'one',
    'what the reader has chosen is not kept');
  await page.keyboard.press('s');
  await comes(page, 'side by side again', () => globalThis.document.querySelector('.diffs')
    .dataset.view === 'split', { cause: 'the key s works once only' });
});

inBrowser('unchanged lines unfold with Enter, and all with u', async (page) => {
  await open(page, 'v07/step/1.html');
  const summary = page.locator('details.fold > summary').first();
  await summary.focus();
  await page.keyboard.press('Enter');
  await comes(page, 'lines below the summary', () => globalThis.document
    .querySelector('details.fold[open] .l')?.checkVisibility(),
  { cause: 'the lines are left out, or the fold is no details with a summary' });
  const folds = await page.locator('details.fold').count();
  await page.keyboard.press('u');
  await comes(page, 'all unfolded', (all) => globalThis.document
    .querySelectorAll('details.fold[open]').length === all,
  { argument: folds, cause: 'the key u is not listened to' });
});

inBrowser('? tells the keys of this page, Escape closes', async (page) => {
  await open(page, 'v07/step/1.html');
  await page.keyboard.press('?');
  const words = await comes(page, 'a dialog with the keys', () => globalThis.document
    .querySelector('dialog[open]')?.textContent, { cause: 'the key ? is not listened to' });
  holds(page, 'the search, the changes and the steps', /search/.test(words)
    && /change/.test(words) && /step/.test(words), words, 'a script adds no keys to the list');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Escape');
  await comes(page, 'no dialog', () => !globalThis.document.querySelector('dialog[open]'),
    { cause: 'the keys are shown in no dialog' });
  same(page, 'the page that was open', pathOf(page), 'v07/step/1.html',
    'a key acts below an open dialog');
});

inBrowser('moved lines are shown as moved, with a link to where they were', async (page) => {
  const step = stepsOf('v07').concat().map((number) => `v07/step/${number}.html`);
  let moved = 0;
  for (const where of step) {
    await open(page, where);
    moved += await page.locator('.l.moved').count();
    if (moved > 0) break;
  }
  holds(page, 'moved lines in v07', moved > 0, 'none', 'moved.mjs finds nothing');
  const link = page.locator('.note a').first();
  const href = await link.getAttribute('href');
  await link.click();
  await arrives(page, new RegExp(`${href.split('/').pop()}$`), 'a note that leads elsewhere');
});
