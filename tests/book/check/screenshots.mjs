// Take pictures of the main kinds of pages, wide and narrow, light and dark, to look at by eye.
//
//   SCREENSHOTS=folder node tests/book/check/screenshots.mjs [WORD]
//
// WORD: only the pages whose name holds it.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { startChromium } from '../lib/browser.mjs';
import { FOLDER } from './place.mjs';
import { KINDS } from './kinds.mjs';
import { serve } from './serve.mjs';

const VIEWS = [[1280, 'light'], [1280, 'dark'], [390, 'light'], [390, 'dark']];
const HEIGHT = 1400;

async function picturesOf(browser, url, where, folder) {
  for (const [width, colorScheme] of VIEWS) {
    const page = await browser.newPage({ viewport: { width, height: HEIGHT }, colorScheme });
    await page.goto(url + where, { waitUntil: 'load' });
    const name = `${where.replace(/\.html$/, '').replace(/\//g, '_')}-${width}-${colorScheme}`;
    await page.screenshot({ path: path.join(folder, `${name}.png`) });
    await page.close();
  }
}

async function main(word = '') {
  const folder = process.env.SCREENSHOTS ?? 'build/screenshots';
  mkdirSync(folder, { recursive: true });
  const [server, browser] = await Promise.all([serve(FOLDER), startChromium()]);
  const pages = ['index.html', ...KINDS].filter((name) => name.includes(word));
  for (const where of pages) await picturesOf(browser, server.url, where, folder);
  await browser.close();
  await server.stop();
  console.log(`${pages.length * VIEWS.length} pictures in ${folder}`);
}

await main(process.argv[2]);
