// Every page is fetched from the server, and every link is followed, with anchors.

import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { address, fail } from './harness.mjs';
import { FOLDER } from './place.mjs';

const LARGEST = 1000000;
const AT_A_TIME = 8;

/** Return the names of all files of the book. */
function filesOf(folder, below = '') {
  return readdirSync(path.join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const name = path.posix.join(below, entry.name);
    return entry.isDirectory() ? filesOf(folder, name) : [name];
  });
}

// Do something with each of many, several at a time.
async function each(many, work) {
  const rest = [...many];
  const worker = async () => {
    while (rest.length > 0) await work(rest.pop());
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

/** Return what a page offers and asks for: its anchors and its links, comments left out. */
function parse(html) {
  const text = html.replace(/<!--[^]*?-->/g, '');
  const values = (name) => [...text.matchAll(
    new RegExp(`<[a-z][^<>]*?\\s(?:${name})=(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, 'gi'))]
    .map((match) => decode(match[1] ?? match[2] ?? match[3]));
  return { anchors: new Set(values('id')), links: new Set([...values('href'), ...values('src')]) };
}

function decode(text) {
  return text.replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>').replace(/&amp;/g, '&');
}

const pages = new Map();

/** Fetch a page once: its status, size, anchors and links. */
async function page(name) {
  if (!pages.has(name)) pages.set(name, fetchPage(name));
  return pages.get(name);
}

async function fetchPage(name) {
  const response = await fetch(address(encodeURI(name)));
  const body = await response.text();
  const html = /html/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, size: Buffer.byteLength(body), ...parse(html ? body : '') };
}

const everyPage = filesOf(FOLDER).filter((name) => name.endsWith('.html'));

test('each page is there, and smaller than 1 MB', async () => {
  const wrong = [];
  await each(everyPage, async (name) => {
    const { status, size } = await page(name);
    if (status !== 200) wrong.push(`${name}: status ${status}`);
    if (size >= LARGEST) wrong.push(`${name}: ${size} bytes`);
  });
  if (wrong.length > 0 || everyPage.length < 100) {
    fail({ page: `${everyPage.length} pages`, expected: 'status 200, less than 1,000,000 bytes',
      seen: wrong, cause: 'a page that shows too much at once, or a build that stopped early' });
  }
});

/** Say what is wrong with a link of a page, or return null. */
async function wrongWith(link, from) {
  const url = new URL(link, address(encodeURI(from)));
  if (/^(https?|mailto|data):/.test(link)) return null;
  if (!url.href.startsWith(address(''))) return 'leads out of the book';
  const name = decodeURI(url.pathname.slice(1)).replace(/(^|\/)$/, '$1index.html');
  if (!name.endsWith('.html')) return isFile(name) ? null : 'there is no such file';
  const there = await page(name);
  if (there.status !== 200) return `status ${there.status}`;
  const anchor = decodeURIComponent(url.hash.slice(1));
  return anchor === '' || there.anchors.has(anchor) ? null : 'the page has no such anchor';
}

function isFile(name) {
  return statSync(path.join(FOLDER, name), { throwIfNoEntry: false })?.isFile() ?? false;
}

test('each link leads somewhere', async () => {
  const wrong = [];
  await each(everyPage, async (from) => {
    for (const link of (await page(from)).links) {
      const words = await wrongWith(link, from);
      if (words !== null) wrong.push(`${from}: "${link}": ${words}`);
    }
  });
  if (wrong.length > 0) {
    fail({ page: `${wrong.length} links of ${everyPage.length} pages`,
      expected: 'a page, and an anchor of it', seen: wrong.slice(0, 20),
      cause: 'a heading, a file or a function with another name' });
  }
});

test('each page can be reached from the first by links', async () => {
  const reached = new Set(['index.html']);
  for (const from of reached) {
    for (const link of (await page(from)).links) {
      const url = new URL(link, address(encodeURI(from)));
      const name = decodeURI(url.pathname.slice(1)).replace(/(^|\/)$/, '$1index.html');
      if (url.href.startsWith(address('')) && name.endsWith('.html')) reached.add(name);
    }
  }
  const lost = everyPage.filter((name) => !reached.has(name));
  if (lost.length > 0) {
    fail({ page: 'index.html', expected: 'a way to every page', seen: lost.slice(0, 20),
      cause: 'a page that no list of links names' });
  }
});
