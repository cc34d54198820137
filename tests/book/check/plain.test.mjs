// Without JavaScript: all can be read, and what is folded unfolds.

import { holds, inBrowser, open, same } from './harness.mjs';

const PLAIN = { script: false };

/** Fail unless the text of some elements can be seen. */
async function shows(page, selector, pattern, cause) {
  const one = page.locator(selector).first();
  const words = await one.isVisible() ? await one.innerText() : `${selector} can't be seen`;
  holds(page, `a text like ${pattern}`, pattern.test(words), words.slice(0, 200), cause);
}

inBrowser('without scripts a README can be read, diagrams too', async (page) => {
  await open(page, 'v07/index.html');
  await shows(page, 'main', /nothing blocks, and bytes become messages/, 'the text is hidden');
  const size = await page.locator('main figure svg, main .diagram svg').first().boundingBox();
  holds(page, 'a diagram', size !== null && size.width > 200 && size.height > 200, size,
    'the diagrams are drawn by the browser instead of the build');
}, PLAIN);

inBrowser('without scripts a diff can be read, and unfolded', async (page) => {
  await open(page, 'v07/step/1.html');
  await shows(page, 'ins', /./, 'the lines are put in by a script');
  const fold = page.locator('details.fold').first();
  same(page, 'the lines of a fold in sight', await fold.locator('.l').first().isVisible(), false,
    'what is unchanged is not folded');
  await fold.locator('summary').focus();
  await page.keyboard.press('Enter');
  await fold.locator('.l').first().waitFor({ state: 'visible' });
  const next = page.locator('footer a[rel=next]');
  await next.click();
  await page.waitForURL(/v07\/step\/2\.html$/);
}, PLAIN);

inBrowser('without scripts hints unfold one by one', async (page) => {
  await open(page, 'exercises/v07/rooms.html');
  const second = page.getByText('Hint 2', { exact: false }).first();
  same(page, 'hint 2 in sight before hint 1', await second.isVisible(), false,
    'hints do not stand within each other');
  await page.locator('summary', { hasText: 'Hint 1' }).click();
  await second.waitFor({ state: 'visible' });
}, PLAIN);

inBrowser('without scripts a trace is a list of calls with links', async (page) => {
  await open(page, 'trace/v07-echo.html');
  const rows = page.locator('.trace-events li');
  holds(page, 'many calls', await rows.count() > 20, await rows.count(), 'they need a script');
  await shows(page, '.trace-events', /connection_on_event/, 'the list is hidden');
  holds(page, 'no button that does nothing',
    await page.locator('main button:visible').count() === 0,
    await page.locator('main button:visible').allTextContents(), 'what needs a script is shown');
}, PLAIN);

inBrowser('without scripts no button is shown that does nothing', async (page) => {
  for (const where of ['index.html', 'v07/step/1.html', 'compare/index.html']) {
    await open(page, where);
    const shown = await page.locator('button:visible').allTextContents();
    holds(page, 'no button', shown.length === 0, shown, 'the class js is missing at a button');
  }
}, PLAIN);
