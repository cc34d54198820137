// What must be true of the book as it was written: links lead somewhere, pages are small.
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';

const LIMIT = 1_000_000; // bytes of a page
const LINK = /<(\w+)\b[^>]*?\s(href|src|srcset|data-src)="([^"]*)"/g;
const ID = /\sid="([^"]+)"/g;
const LOADS = /url\(\s*['"]?(?:https?:)?\/\//;

/** Return a line for each thing that is wrong with the pages, a Map of path to HTML. */
export function problems(pages, out, some = false) {
  const ids = new Map([...pages].map(([path, html]) => [path, idsOf(html)]));
  return [...pages].flatMap(([path, html]) => [
    ...sizeProblems(path, html),
    ...twice(ids.get(path)).map((id) => `${path}: the id ${id} stands there twice`),
    ...linkProblems(path, html, ids, out, some),
  ]);
}

function idsOf(html) {
  return [...html.matchAll(ID)].map((match) => match[1]);
}

function twice(names) {
  const seen = new Set();
  return [...new Set(names.filter((name) => seen.has(name) || !seen.add(name)))];
}

function sizeProblems(path, html) {
  const bytes = Buffer.byteLength(html);
  return bytes < LIMIT ? [] : [`${path}: ${bytes} bytes; a page must be under 1 MB`];
}

function linkProblems(path, html, ids, out, some) {
  const known = new Map([...ids].map(([name, list]) => [name, new Set(list)]));
  const found = new Set();
  if (LOADS.test(html)) found.add(`${path}: loads something from another host (url)`);
  for (const [, tag, , link] of html.matchAll(LINK)) {
    const words = wrong(path, tag, unescape(link), known, out, some);
    if (words) found.add(`${path}: ${link}: ${words}`);
  }
  return [...found];
}

function unescape(link) {
  return link.replace(/&amp;/g, '&').replace(/&#39;/g, "'");
}

/** Return what is wrong with a link; nothing when it is right. */
function wrong(path, tag, link, ids, out, some) {
  if (/^(data:|mailto:)/.test(link)) return '';
  if (/^([a-z]+:)?\/\//i.test(link)) {
    return tag === 'a' ? '' : 'loads something from another host';
  }
  if (link.startsWith('@/') || link.startsWith('/')) return 'is no address of the book';
  const [name, part] = link.split('#');
  const target = name ? posix.normalize(posix.join(posix.dirname(path), decodeURI(name))) : path;
  if (ids.has(target)) {
    return !part || ids.get(target).has(decodeURIComponent(part)) ? '' : 'no such anchor';
  }
  return some || existsSync(join(out, target)) ? '' : 'leads nowhere';
}
