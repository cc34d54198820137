// The search: it finds what the course is made of, from a server and from a file, by keys alone.

import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { arrives, comes, holds, inBrowser, open, pathOf } from './harness.mjs';
import { FOLDER } from './place.mjs';

/** Open the search by its key, type words, and return what is found: its titles and places. */
async function search(page, words) {
  if (!await page.locator('dialog[open]').count()) await page.keyboard.press('/');
  await comes(page, 'the search, with the focus on its field',
    () => globalThis.document.activeElement?.matches('dialog[open] input[type=search]'),
    { cause: 'the key / is not listened to' });
  await page.keyboard.press('Control+a');
  await page.keyboard.type(words);
  await comes(page, `a number of results for "${words}"`, () => /\d+ results?/.test(
    globalThis.document.querySelector('dialog[open] [role=status]')?.textContent ?? ''),
  { look: seenInBox, cause: 'the index was not read: assets/search-index.js' });
  return page.evaluate(() => [...globalThis.document.querySelectorAll('dialog[open] li a')]
    .map((link) => ({ words: link.textContent, href: link.getAttribute('href') })));
}

// Runs in the page.
const seenInBox = () => globalThis.document.querySelector('dialog[open]')?.textContent
  ?? 'no dialog is open';

async function finds(page, words, pattern) {
  const found = await search(page, words);
  holds(page, `"${words}" leads to ${pattern}`, found.some((one) => pattern.test(one.href)),
    found.map((one) => `${one.href}: ${one.words.slice(0, 60)}`),
    'a section that gives the index no entries');
}

inBrowser('/ opens the search, and Enter goes to the function', async (page) => {
  await open(page, 'index.html');
  await search(page, 'connection_send');
  await page.keyboard.press('Enter');
  const place = /(function\/connection_send\.html|code\/\w+\.[ch]\.html#connection_send)$/;
  await arrives(page, place, 'the function is not the first result');
});

inBrowser('the arrow keys walk through the results', async (page) => {
  await open(page, 'v07/index.html');
  const found = await search(page, 'high-water mark');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await comes(page, 'the focus on the second result',
    (href) => globalThis.document.activeElement?.getAttribute('href') === href,
    { argument: found[1].href, cause: 'the key ↓ is not listened to in the search' });
  await page.keyboard.press('Enter');
  const end = found[1].href.split('/').pop().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  await arrives(page, new RegExp(`${end}$`), 'Enter does not follow the result');
});

inBrowser('a README, a term, an exercise, a check and a step are found', async (page) => {
  await open(page, 'glossary.html');
  await finds(page, 'back-pressure', /v07\/index\.html#/);
  await finds(page, 'lost wake-up', /glossary\.html#/);
  await finds(page, 'Rooms in the chat', /exercises\/v07\/rooms\.html/);
  await finds(page, 'half_close', /tests\/checks\//);
  await finds(page, 'a queue of bytes', /v07\/step\/2\.html/);
});

inBrowser('what is nowhere is said to be nowhere; Escape closes', async (page) => {
  await open(page, 'index.html');
  const found = await search(page, 'zyxwvutsrq');
  const said = await page.locator('dialog[open] [role=status]').textContent();
  holds(page, 'no result, and words that say so', found.length === 0
    && /\b(0|no) results?|nothing/i.test(said), `${found.length} results, "${said}"`,
  'the status is not written when nothing is found');
  await page.keyboard.press('Escape');
  await comes(page, 'no dialog', () => !globalThis.document.querySelector('dialog[open]'),
    { cause: 'the search is no dialog that Escape closes' });
});

inBrowser('it finds without a server', async (page) => {
  await page.goto(pathToFileURL(path.join(FOLDER, 'v07/index.html')).href);
  await search(page, 'connection_send');
  await page.keyboard.press('Enter');
  await comes(page, 'a page with connection_send', () => /connection_send/.test(
    globalThis.location.href), { cause: 'a link of the search that needs a server' });
  holds(page, 'an address of a file', page.url().startsWith('file:'), pathOf(page),
    'the search leads to another place');
});
