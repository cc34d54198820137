// Tests of one page as a reader meets it: wide and narrow, light and dark.
// axe-core looks for what bars readers who do not see, or see little, or use no mouse.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fail, holds, inBrowser, open } from './harness.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** How a page is looked at. In the first two views all rules are tried, in the others colours. */
export const VIEWS = [{ width: 1280, dark: false }, { width: 390, dark: true },
  { width: 1280, dark: true }, { width: 390, dark: false }];

async function look(page, { width, dark }) {
  await page.setViewportSize({ width, height: 800 });
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
  await page.waitForFunction((wanted) => globalThis.innerWidth === wanted, width);
  await page.evaluate(twoFrames);
}

// Runs in the page. In the first frame a script hears of the new size, and in the second one all
// that it changed is laid out.
const twoFrames = () => new Promise((resolve) => {
  globalThis.requestAnimationFrame(() => globalThis.requestAnimationFrame(resolve));
});

/** Return what axe-core finds, a line for each element. */
async function barriers(page, rules) {
  const found = await page.evaluate((runOnly) => globalThis.axe.run(globalThis.document,
    { runOnly, resultTypes: ['violations'], iframes: false }), rules);
  return found.violations.flatMap((rule) => rule.nodes.slice(0, 3).map(
    (node) => `${rule.id}: ${node.target.join(' ')}: ${reason(node)}`));
}

const reason = (node) => [...node.any, ...node.all, ...node.none][0]?.message ?? '';

async function noBarrier(page, view) {
  const all = VIEWS.indexOf(view) < 2;
  const found = await barriers(page, all ? { type: 'tag', values: RULES }
    : { type: 'rule', values: ['color-contrast'] });
  if (found.length > 0) {
    fail({ page, expected: `nothing for axe-core, ${words(view)}`, seen: found,
      cause: 'a colour, a name or a role that axe-core\'s rule of that name explains' });
  }
}

const words = ({ width, dark }) => `${width} wide, ${dark ? 'dark' : 'light'}`;

/** Fail when the page can be scrolled sideways; say which elements stick out. */
async function fits(page, view) {
  const wide = await page.evaluate(() => {
    const { document: { documentElement: root }, innerWidth } = globalThis;
    return root.scrollWidth > innerWidth ? root.scrollWidth : 0;
  });
  if (wide === 0) return;
  fail({ page, expected: `a page that is no wider than its window, ${words(view)}`,
    seen: [`${wide} pixels`, ...await page.evaluate(whatSticksOut)],
    cause: 'a table, a picture or a long word that has no box that scrolls' });
}

// Runs in the page.
function whatSticksOut() {
  const { document, innerWidth } = globalThis;
  const clips = (one) => one !== null && one !== document.body
    && (/auto|scroll|hidden|clip/.test(globalThis.getComputedStyle(one).overflowX)
      || clips(one.parentElement));
  return [...document.body.querySelectorAll('*')]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !clips(one))
    .slice(0, 5).map((one) => `<${one.localName} class="${one.getAttribute('class') ?? ''}"> `
      + `ends at ${Math.round(one.getBoundingClientRect().right)}: `
      + (one.textContent ?? '').trim().slice(0, 40));
}

/** Fail unless the page has its landmarks, one first heading, and headings without a gap. */
async function hasItsParts(page) {
  const parts = await page.evaluate(() => {
    const { document } = globalThis;
    return { headings: [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')]
      .map((one) => `${one.localName} ${one.textContent.trim().slice(0, 40)}`),
    missing: ['html[lang]', 'title', 'header', 'nav', 'main', 'footer',
        `a[href="#${document.querySelector('main')?.id}"]`]
      .filter((name) => document.querySelector(name) === null) };
  });
  holds(page, 'landmarks, a title, a language and a link to the text', parts.missing.length === 0,
    [`without ${parts.missing.join(', ')}`], 'a page that is not made by the layout');
  const levels = parts.headings.map((one) => Number(one[1]));
  const gap = levels.findIndex((level, i) => i > 0 && level > levels[i - 1] + 1);
  holds(page, 'one heading of level 1, and no gap between the levels',
    levels.filter((level) => level === 1).length === 1 && levels[0] === 1 && gap < 0,
    gap < 0 ? parts.headings : parts.headings.slice(Math.max(0, gap - 2), gap + 1),
    'a heading of the wrong level in a section or a README');
}

/** Declare the test of a page of the book, in some views or all. */
export function isForAllReaders(where, views = VIEWS) {
  inBrowser(`${where} is for all readers`, async (page) => {
    await open(page, where);
    await page.evaluate(readFileSync(AXE, 'utf8'));
    await hasItsParts(page);
    for (const view of views) {
      await look(page, view);
      await fits(page, view);
      await noBarrier(page, view);
    }
  });
}
