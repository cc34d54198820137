// A scene is stepped through by keys: the call is marked, and the line of code beside it.

import { comes, holds, inBrowser, open, same } from './harness.mjs';

const SCENE = 'trace/v07-echo.html';

// Runs in the page: the step, the call that is marked, the marked line, who calls whom.
function state() {
  const { document, location } = globalThis;
  const words = (selector) => document.querySelector(selector)?.textContent.trim() ?? '';
  return { step: Number(/^(\d+)/.exec(words('.trace-bar output'))?.[1] ?? 0),
    hash: location.hash, row: words('.trace-events [aria-current]'),
    line: words('.trace-calls .now'), called: words('.trace-called .where'),
    stack: [...document.querySelectorAll('.trace-stacks li')].map((one) => one.textContent) };
}

const isAt = (step) => globalThis.document.querySelector('.trace-bar output')?.textContent
  .startsWith(`${step} of `);

async function goTo(page, step, key) {
  await page.keyboard.press(key);
  await comes(page, `step ${step} after ${key}`, isAt, { argument: step, look: state,
    cause: 'the key is not listened to' });
  return page.evaluate(state);
}

inBrowser('→ steps through a scene, and the marked line changes', async (page) => {
  await open(page, SCENE);
  const seen = [await page.evaluate(state)];
  for (let step = 2; step <= 30; step += 1) seen.push(await goTo(page, step, 'ArrowRight'));
  const marked = new Set(seen.map(({ line }) => line).filter(Boolean));
  holds(page, 'different lines of code marked', marked.size > 5, [...marked],
    'the events have no line, or the code is not in the page');
  holds(page, 'a call marked at each step', seen.every(({ row }) => row !== ''),
    seen.map(({ row }) => row), 'no row has aria-current');
  holds(page, 'who calls whom', seen.some(({ stack }) => stack.length > 3),
    seen.map(({ stack }) => stack.join(' > ')), 'the depth of the calls is not kept');
  const back = await goTo(page, 29, 'ArrowLeft');
  same(page, 'step 29 as before', back, seen[28], 'a step depends on the way to it');
});

inBrowser('the line that is marked calls what the step says', async (page) => {
  await open(page, `${SCENE}#1`);
  const wrong = [];
  for (let step = 2; step <= 30; step += 1) {
    const { line, row } = await goTo(page, step, 'ArrowRight');
    const name = /^(\w+)\(/.exec(row)?.[1];
    if (line !== '' && name && !/[(>.]/.test(line)) wrong.push(`${step}: ${name}: ${line}`);
  }
  holds(page, 'a line with a call', wrong.length === 0, wrong, 'lines are counted from 0');
});

inBrowser('a step\'s address leads to it again', async (page) => {
  await open(page, SCENE);
  await page.keyboard.press('End');
  await page.keyboard.press('Home');
  for (let step = 2; step <= 9; step += 1) await goTo(page, step, 'ArrowRight');
  const before = await page.evaluate(state);
  same(page, 'the step in the address', before.hash, '#9', 'the address is not set');
  await page.reload({ waitUntil: 'load' });
  await comes(page, 'step 9 again', isAt, { argument: 9, look: state,
    cause: 'the address is not read' });
  same(page, 'all as before', await page.evaluate(state), before, 'the address says too little');
});

inBrowser('the first step and the last are reached, and no further', async (page) => {
  await open(page, SCENE);
  await page.keyboard.press('End');
  const last = await comes(page, 'the last step', () => {
    const [, at, all] = /^(\d+) of (\d+)/.exec(globalThis.document
      .querySelector('.trace-bar output').textContent) ?? [];
    return at !== undefined && at === all && Number(all);
  }, { look: state, cause: 'the key End is not listened to' });
  same(page, 'the step after the last', (await goTo(page, last, 'ArrowRight')).step, last,
    'the step is not held within the scene');
  await goTo(page, 1, 'Home');
});
