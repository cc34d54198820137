// With the keyboard alone: Tab reaches all, in an order that makes sense, and the focus is seen.

import { comes, holds, inBrowser, open, same } from './harness.mjs';

const PRESSES = 60;

// Runs in the page: what has the focus, and whether that can be seen.
function focus() {
  const { document, innerWidth, innerHeight, getComputedStyle } = globalThis;
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const places = ['dialog', 'main', 'nav', 'header', 'footer'];
  return {
    what: `<${one.localName}> "${(one.textContent ?? '').trim().slice(0, 30)}"`,
    where: places.find((name) => one.closest(name)) ?? 'body',
    skip: one.getAttribute('href') === `#${document.querySelector('main').id}`,
    search: one.id === 'search-open',
    outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1,
    seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0
      && box.top < innerHeight && box.left < innerWidth,
  };
}

/** Press Tab from the top until the text is reached; return what had the focus on the way. */
async function tabToText(page) {
  const way = [];
  for (let number = 0; number < PRESSES && way.at(-1)?.where !== 'main'; number += 1) {
    await page.keyboard.press('Tab');
    way.push(await page.evaluate(focus));
  }
  return way.filter(Boolean);
}

for (const where of ['index.html', 'v07/step/1.html', 'v07/code/connection.c.html',
  'trace/v07-echo.html', 'behaviour.html']) {
  inBrowser(`Tab walks through ${where}, and the focus is seen`, async (page) => {
    await open(page, where);
    const way = await tabToText(page);
    same(page, 'the skip link first', way[0]?.skip, true, 'something stands before it');
    holds(page, 'the search, links and the text', way.some((one) => one.search)
      && way.some((one) => one.where === 'nav') && way.at(-1).where === 'main',
    way.map((one) => `${one.where}: ${one.what}`), 'what is no link or button has no focus');
    const unseen = way.filter((one) => !one.outlined || !one.seen);
    holds(page, 'an outline in sight at each stop', unseen.length === 0,
      unseen.map((one) => one.what), 'outline: none, or an element that is hidden');
  });
}

inBrowser('the skip link leads to the text', async (page) => {
  await open(page, 'v07/index.html');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await comes(page, 'the focus on the text',
    () => globalThis.document.activeElement?.localName === 'main',
    { cause: 'main has no tabindex="-1"' });
  await page.keyboard.press('Tab');
  const next = await page.evaluate(focus);
  same(page, 'the next stop', next?.where, 'main', 'the focus begins at the top again');
});

inBrowser('the search and the keys open with Enter, and the focus comes back', async (page) => {
  await open(page, 'index.html');
  for (const name of ['search-open', 'keys-open']) {
    await page.locator(`#${name}`).focus();
    await page.keyboard.press('Enter');
    await comes(page, 'a dialog with the focus in it', () => globalThis.document.activeElement
      ?.closest('dialog[open]'), { cause: 'the button is not listened to' });
    await page.keyboard.press('Escape');
    await comes(page, `the focus on ${name} again`,
      (id) => globalThis.document.activeElement?.id === id,
      { argument: name, cause: 'the dialog is no modal one' });
  }
});

inBrowser('code that is wider than the page scrolls by keys', async (page) => {
  await open(page, 'v07/code/connection.c.html');
  const box = page.locator('pre.code').first();
  const wide = await box.evaluate((one) => one.scrollWidth > one.clientWidth);
  holds(page, 'a box wider than the window at 390 pixels', wide, wide, 'lines are wrapped');
  await box.focus();
  await page.keyboard.press('ArrowRight');
  await comes(page, 'the code scrolled to the right',
    () => globalThis.document.querySelector('pre.code').scrollLeft > 0,
    { cause: 'the box has no tabindex="0"' });
}, { width: 390 });
