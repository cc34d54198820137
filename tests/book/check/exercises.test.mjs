// The exercises: all are there, and hints unfold one by one. (answers.test.mjs looks for answers.)

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { comes, holds, inBrowser, open, same } from './harness.mjs';
import { ROOT } from './place.mjs';

const exercises = readdirSync(ROOT).filter((name) => /^v\d\d_/.test(name))
  .flatMap((stage) => readdirSync(path.join(ROOT, stage, 'exercises'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ stage, name, page: `${stage.slice(0, 3)}/${name}.html` })));

const hintsOf = ({ stage, name }) => [...readFileSync(
  path.join(ROOT, stage, 'exercises', name, 'README.md'), 'utf8')
  .matchAll(/^<details><summary>Hint \d+<\/summary>/gm)].length;

inBrowser('each exercise is in the list', async (page) => {
  await open(page, 'exercises/index.html');
  const links = await page.evaluate(() => [...globalThis.document.querySelectorAll('main a')]
    .map((link) => link.href));
  const missing = exercises.map((one) => one.page)
    .filter((name) => !links.some((link) => link.endsWith(`exercises/${name}`)));
  holds(page, `links to ${exercises.length} exercises`, missing.length === 0,
    ['without:', ...missing], 'an exercise that facts.py does not name');
});

// Runs in the page: the first words of each summary that can be seen now.
const summariesInSight = () => [...globalThis.document.querySelectorAll('main summary')]
  .filter((one) => one.checkVisibility()).map((one) => one.textContent.trim().slice(0, 6));

/** Unfold the hints by keyboard, and return what could be seen before each. */
async function unfoldAll(page, count) {
  const seen = [await page.evaluate(summariesInSight)];
  for (let number = 1; number <= count; number += 1) {
    const summary = page.locator('main summary', { hasText: `Hint ${number}` }).first();
    await summary.focus();
    await page.keyboard.press('Enter');
    await comes(page, `hint ${number} unfolded`, (at) => globalThis.document
      .querySelectorAll('main details')[at - 1]?.open, { argument: number,
      cause: 'hints are no details with a summary' });
    seen.push(await page.evaluate(summariesInSight));
  }
  return seen;
}

for (const one of [exercises.find(({ name }) => name === 'rooms'), exercises[0],
  exercises[exercises.length - 1]]) {
  inBrowser(`${one.name}: hint 2 comes after hint 1`, async (page) => {
    await open(page, `exercises/${one.page}`);
    const count = hintsOf(one);
    const hints = Array.from({ length: count }, (_, at) => `Hint ${at + 1}`);
    const expected = [...hints.keys()].map((at) => hints.slice(0, at + 1));
    same(page, 'the hints in sight, before each is unfolded', await unfoldAll(page, count),
      [...expected, hints], 'a hint that does not stand within the one before');
    const text = await page.locator('main').textContent();
    holds(page, 'no answer', !/^\s*(Answer|For teachers)\s*$/m.test(text), 'a heading "Answer"',
      'the whole README is shown');
  });
}
