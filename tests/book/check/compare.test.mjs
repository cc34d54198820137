// Any two stages; a file, and a function, through all stages: each reached by links.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { arrives, holds, inBrowser, open, pathOf } from './harness.mjs';
import { ROOT } from './place.mjs';

/** Follow the first link of the page's text that leads to an address like this. */
async function follow(page, pattern, cause) {
  const links = page.locator('main a');
  const hrefs = await links.evaluateAll((all) => all.map((link) => link.href));
  const at = hrefs.findIndex((href) => pattern.test(href));
  holds(page, `a link to ${pattern}`, at >= 0, `${hrefs.length} others`, cause);
  await links.nth(at).click();
  await arrives(page, pattern, 'the link leads elsewhere');
}

/** Return the stages in which a file is another one than in the stage before. */
function changing(file) {
  const texts = readdirSync(ROOT).filter((name) => /^v\d\d_/.test(name)).sort()
    .map((name) => [name.slice(0, 3), path.join(ROOT, name, file)])
    .map(([stage, name]) => [stage, existsSync(name) ? readFileSync(name, 'utf8') : '']);
  return texts.filter(([, text], at) => text !== (texts[at - 1]?.[1] ?? ''))
    .map(([stage]) => stage);
}

inBrowser('two stages are chosen and compared', async (page) => {
  await open(page, 'compare/index.html');
  await follow(page, /compare\/v03-v07\/index\.html$/, 'a pair of stages has no link');
  const words = await page.locator('main').textContent();
  holds(page, 'both stages, and the files that changed', /v03/.test(words) && /v07/.test(words)
    && /echo_server\.c/.test(words), words.slice(0, 300), 'the page compares something else');
  await follow(page, /compare\/echo_server\.c\/v\d\d-v\d\d\.html/,
    'a file of the pair has no link');
  const [added, removed] = [await page.locator('ins').count(), await page.locator('del').count()];
  holds(page, 'added and removed lines of echo_server.c', added > 0 && removed > 0,
    `${added} added, ${removed} removed at ${pathOf(page)}`, 'the diff is not drawn');
});

inBrowser('a file is followed through the stages', async (page) => {
  await open(page, 'file/index.html');
  await follow(page, /file\/connection\.c\/index\.html$/, 'the file is not listed');
  const words = await page.locator('main').textContent();
  const missing = changing('connection.c').filter((stage) => !words.includes(stage));
  holds(page, 'the stages in which connection.c changed', missing.length === 0,
    `without ${missing.join(', ')}`, 'a stage is left out');
  await follow(page, /file\/connection\.c\/v\w+|file\/connection\.c\/index\.html#|v07\/code\/conn/,
    'a stage of the file has no link');
});

inBrowser('a function is followed through the stages', async (page) => {
  await open(page, 'v07/code/connection.c.html');
  await follow(page, /function\/connection_send\.html$/, 'no link beside the definition');
  const words = await page.locator('main').textContent();
  const missing = ['v06', 'v07', 'v08', 'v09'].filter((stage) => !words.includes(stage));
  holds(page, 'the stages in which connection_send changed', missing.length === 0,
    `without ${missing.join(', ')}`, 'a stage is left out');
});

inBrowser('a call in the code leads to the function', async (page) => {
  await open(page, 'v07/code/connection.c.html');
  await follow(page, /v07\/code\/connection_input\.c\.html#connection_input_read$/,
    'the name at the call is no link');
  const line = await page.evaluate(() => globalThis.document
    .getElementById('connection_input_read')?.closest('.line')?.textContent ?? 'no such name');
  holds(page, 'the line of the definition', /connection_input_read\(/.test(line), line,
    'the anchor stands at another line');
});
