// What the tests of the book share: where the book is, a page in a browser that notes what goes
// wrong in it, and words for a failure.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { startChromium } from '../lib/browser.mjs';
import { FOLDER, URL_OF_BOOK } from './place.mjs';

// Milliseconds. What has not come by then never will, on a loaded machine too. BOOK_PATIENCE: who
// waits for what a mistake keeps away need not wait so long.
const PATIENCE = Number(process.env.BOOK_PATIENCE ?? 20000);
const LOADING = 30000;
const TEST_LIMIT = 120000;

/** Return the address of a page of the book. */
export const address = page => URL_OF_BOOK + page;

/** Return the text of one of the book's files. */
export const textOf = page => readFileSync(path.join(FOLDER, page), 'utf8');

/** Throw an error that says on which page, what was expected, what was seen, and a likely cause. */
export function fail({ page, expected, seen, cause }) {
  const where = typeof page === 'string' ? page : pathOf(page);
  throw new Error(['', `page:      ${where}`, `expected:  ${expected}`,
    `seen:      ${shown(seen)}`, `likely:    ${cause}`].join('\n'));
}

function shown(seen) {
  if (Array.isArray(seen)) return seen.map(one => `\n           ${one}`).join('') || 'nothing';
  return typeof seen === 'string' ? seen : JSON.stringify(seen);
}

/** Return where a page of the browser is, from the book's folder on, with what follows a #. */
export function pathOf(page) {
  const url = page.url();
  return url.startsWith(URL_OF_BOOK) ? url.slice(URL_OF_BOOK.length) : url;
}

let browser = null;

async function theBrowser() {
  browser ??= await startChromium();
  return browser;
}

after(async () => browser?.close());

/**
 * Declare a test that gets a page of a browser of its own. The test fails too when the page
 * writes an error to the console, asks another host for something, or asks in vain.
 */
export function inBrowser(name, body, { width = 1280, dark = false, script = true } = {}) {
  test(name, { timeout: TEST_LIMIT }, async () => {
    const context = await (await theBrowser()).newContext({
      viewport: { width, height: 800 }, javaScriptEnabled: script,
      colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce'});
    context.setDefaultTimeout(LOADING);
    try {
      const page = await context.newPage();
      const faults = watch(page);
      await body(page);
      noFault(page, faults);
    } finally {
      await context.close();
    }
  });
}

// Return a list that grows with what goes wrong in this page.
function watch(page) {
  const faults = [];
  const note = text => faults.push(`${pathOf(page)}: ${text}`);
  page.on('console', message => {
    if (message.type() === 'error') note(`console: ${message.text()}`);
  });
  page.on('pageerror', error => note(`error in a script: ${error.message}`));
  page.on('request', request => {
    if (!isOurs(request.url())) note(`asks another host: ${request.url()}`);
  });
  page.on('response', response => {
    if (response.status() >= 400) note(`${response.status()} for ${response.url()}`);
  });
  return faults;
}

const isOurs = url => url.startsWith(URL_OF_BOOK) || /^(data|blob|about|file):/.test(url);

function noFault(page, faults) {
  if (faults.length > 0) {
    fail({page, expected: 'no error in the console, no request to another host or in vain',
      seen: faults, cause: 'a script that fails, or an address that is not in the book'});
  }
}

/** Open a page of the book. */
export async function open(page, where) {
  const response = await page.goto(address(where), { waitUntil: 'load' });
  if (response !== null && !response.ok() && response.status() !== 304) {
    fail({page: where, expected: 'a page', seen: `status ${response.status()}`,
      cause: 'the page has another name, or is not built'});
  }
}

/** Fail unless `seen` is `expected`. */
export function same(page, what, seen, expected, cause) {
  if (JSON.stringify(seen) !== JSON.stringify(expected)) {
    fail({page, expected: `${what}: ${shown(expected)}`, seen, cause});
  }
}

/** Fail unless `found` is true. `seen` is what to show then. */
export function holds(page, what, found, seen, cause) {
  if (!found) fail({ page, expected: what, seen, cause });
}

/**
 * Wait until a function, called in the page with `argument`, returns something true; return that.
 * `look`, called in the page too, returns what to show when this does not come.
 */
export async function comes(page, what, condition, { argument, look = seenInPage, cause }) {
  try {
    const handle = await page.waitForFunction(condition, argument, { timeout: PATIENCE });
    return await handle.jsonValue();
  } catch (error) {
    if (error.name !== 'TimeoutError') throw error;
    return fail({ page, expected: what, seen: await page.evaluate(look, argument), cause });
  }
}

// Runs in the page: where it is, and what has the focus.
function seenInPage() {
  const { document, location } = globalThis;
  const one = document.activeElement;
  const words = (one?.textContent ?? '').trim().replace(/\s+/g, ' ').slice(0, 60);
  return `${location.pathname}${location.search}${location.hash}, with the focus on ` +
    `<${one?.localName} id="${one?.id ?? ''}" class="${one?.className ?? ''}"> "${words}"`;
}

/** Wait until the page is at another place of the book, which a pattern describes. */
export async function arrives(page, pattern, cause) {
  const start = URL_OF_BOOK.length;
  await comes(page, `an address like ${pattern}`,
    ([source, from]) => new RegExp(source).test(globalThis.location.href.slice(from)),
    { argument: [pattern.source, start], cause });
  await page.waitForLoadState('load');
}
