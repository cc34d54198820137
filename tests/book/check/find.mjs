// Looking for thousands of texts in one, in one walk.

// So many of a text's first characters are hashed. Each text must be at least as long.
export const SHORTEST = 16;

const FACTOR = 0x01000193;
const OLDEST = Array.from({ length: SHORTEST }).reduce((all) => Math.imul(all, FACTOR), 1);
const SLOTS = 1 << 22;
const slot = (hash) => (hash ^ (hash >>> 15)) & (SLOTS - 1);

/** Return a function that returns which of the texts are in another text. */
export function finder(texts) {
  const known = new Map();
  const filled = new Uint8Array(SLOTS);
  for (const text of texts) {
    const hash = hashOf(text);
    known.set(hash, [...known.get(hash) ?? [], text]);
    filled[slot(hash)] = 1;
  }
  return (body) => inText(body, known, filled);
}

function hashOf(text) {
  let hash = 0;
  for (let i = 0; i < SHORTEST; i += 1) hash = step(hash, text.charCodeAt(i));
  return hash;
}

const step = (hash, code) => (Math.imul(hash, FACTOR) + code) | 0;

function inText(body, known, filled) {
  const found = new Set();
  let hash = hashOf(body.padEnd(SHORTEST));
  for (let end = SHORTEST; end <= body.length; end += 1) {
    const start = end - SHORTEST;
    if (filled[slot(hash)] === 1) {
      for (const text of known.get(hash) ?? []) {
        if (body.startsWith(text, start)) found.add(text);
      }
    }
    hash = step(hash, body.charCodeAt(end)) - Math.imul(OLDEST, body.charCodeAt(start)) | 0;
  }
  return found;
}
