// Mermaid, run in Chromium: text of a diagram in, SVG out. All diagrams are drawn by one page.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { startChromium } from './browser.mjs';

const require = createRequire(import.meta.url);
const MERMAID = require.resolve('mermaid/dist/mermaid.min.js');

// A label longer than this goes on in the next line, so that lifelines stay near each other.
const LABEL_WIDTH = 27;

const SETTINGS = {
  startOnLoad: false,
  theme: 'base',
  htmlLabels: false,
  fontFamily: 'system-ui, sans-serif',
  fontSize: 13,
  themeVariables: { fontSize: '13px' },
  flowchart: { htmlLabels: false, nodeSpacing: 16, rankSpacing: 34, padding: 9 },
  sequence: {
    mirrorActors: false, diagramMarginX: 4, diagramMarginY: 4, messageMargin: 20, boxMargin: 8,
    noteMargin: 8, width: 70, height: 34, actorMargin: 10, messageFontSize: 13,
    actorFontSize: 12, noteFontSize: 13,
  },
};

/** Return mermaid's version. */
export function version() {
  const file = path.join(path.dirname(MERMAID), '..', 'package.json');
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

/** Draw each {name, source}; return their SVGs, or null where Chromium is missing. */
export async function draw(diagrams) {
  const browser = await startChromium();
  if (browser === null) return null;
  try {
    return await drawAll(await browser.newPage(), diagrams);
  } finally {
    await browser.close();
  }
}

async function drawAll(page, diagrams) {
  await page.setContent('<!doctype html><body></body>');
  await page.addScriptTag({ path: MERMAID });
  const drawn = [];
  for (const { name, source } of diagrams) {
    drawn.push(await page.evaluate(drawOne, [name, breakLabels(source), SETTINGS]));
  }
  return drawn;
}

/** Return the text of a sequence diagram with its long labels broken into lines. */
export function breakLabels(source) {
  if (!source.trimStart().startsWith('sequenceDiagram')) return source;
  return source.replace(/^(\s*(?:Note [^:]*|\S+-+>>\S+?):\s*)(.*)$/gm,
    (whole, head, label) => head + broken(label));
}

function broken(label) {
  const lines = [''];
  for (const word of label.split(' ')) {
    const last = lines[lines.length - 1];
    if (last !== '' && last.length + word.length >= LABEL_WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join('<br/>');
}

// Runs in the page. Colours, fonts and widths are left to the book's style sheet: what mermaid
// says of them goes, and so do the markers that this diagram does not use.
async function drawOne([id, source, settings]) {
  const { mermaid, document } = globalThis;
  mermaid.initialize(settings);
  document.body.innerHTML = (await mermaid.render(id, source)).svg;
  const svg = document.querySelector('svg');
  svg.querySelector('style').remove();
  const text = svg.outerHTML;
  for (const one of svg.querySelectorAll('marker, symbol, filter')) {
    if (!text.includes(`url(#${one.id})`)) one.remove();
  }
  for (const one of svg.querySelectorAll('[id]:not(marker, filter)')) one.removeAttribute('id');
  for (const one of [svg, ...svg.querySelectorAll('*')]) {
    for (const { name } of [...one.attributes]) {
      if (/^(style|data-.*|fill|stroke|stroke-width|name|role|aria-.*|font-.*)$/.test(name)) {
        one.removeAttribute(name);
      }
    }
  }
  for (const one of svg.querySelectorAll('defs:empty, g:empty')) one.remove();
  return svg.outerHTML;
}
