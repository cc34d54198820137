// The diagrams of the READMEs as pictures inside the page. They are drawn once, before the pages
// are made, and kept by the hash of their text: a second build draws only what has changed.
//
// To start a browser takes longer than to draw. So the first diagram that is asked for has all of
// them drawn, by one browser.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync }
  from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { book, leaveOut } from './book.mjs';
import { functionHref, meantFunction } from './code.mjs';
import { recordings, sceneName } from './recordings.mjs';
import { escape } from './html.mjs';
import { version, draw } from './drawing.mjs';

const FENCE = /^```mermaid\n([\s\S]*?)^```/gm;
const KINDS = {sequenceDiagram: 'Sequence diagram', flowchart: 'Graph',
  'stateDiagram-v2': 'State diagram', stateDiagram: 'State diagram'};

const pictures = new Map();   // text of a diagram → SVG
const places = new Map();     // file and text → its title and its scene

/** Return the text, title and scene of each diagram in `markdown`; no title stands there twice. */
export function diagramsIn(markdown) {
  const titles = [];
  return [...markdown.matchAll(FENCE)].map((fence) => {
    const before = markdown.slice(0, fence.index);
    const scene = before.match(/<!--\s*scene:\s*([\w-]+)[^>]*-->\s*$/)?.[1] ?? null;
    const heading = [...before.matchAll(/^#+ (.*)$/gm)].pop()?.[1] ?? '';
    const title = [heading.replace(/[`*]/g, ''), scene].filter(Boolean).join(', ');
    titles.push(title);
    const times = titles.filter((one) => one === title).length;
    return { source: fence[1], title: times > 1 ? `${title} (${times})` : title, scene };
  });
}

let ready = null;

/** Draw every diagram of the repository's READMEs, or say that they are left as text. */
export function prepare() {
  ready ??= drawMissing();
  return ready;
}

async function drawMissing() {
  const { root } = book();
  const cache = path.join(root, 'build/book-cache/diagrams');
  for (const file of readmes(root)) remember(root, file);
  const missing = [...pictures.keys()].filter((source) => !load(cache, source));
  if (missing.length === 0) return;
  const drawn = await draw(missing.map(withName));
  drawn?.forEach((svg, index) => keep(cache, missing[index], svg));
  if (drawn === null) leaveOut(`${missing.length} diagrams are left as text: install chromium`);
}

function readmes(root) {
  const folders = readdirSync(root, { withFileTypes: true }).filter((one) => one.isDirectory());
  const files = folders.map((one) => `${one.name}/README.md`);
  return ['README.md', ...files].filter((file) => existsSync(path.join(root, file)));
}

function remember(root, file) {
  for (const one of diagramsIn(readFileSync(path.join(root, file), 'utf8'))) {
    pictures.set(one.source, null);
    places.set(file + one.source, one);
  }
}

// The name stands in front of every id in the picture, so that two fit into one page.
function withName(source) {
  return { source, name: `d-${hash(source).slice(0, 8)}` };
}

function hash(text) {
  return createHash('sha256').update(text).digest('hex');
}

// How diagrams are drawn is part of what a picture depends on.
const HOW = version() + readFileSync(fileURLToPath(new URL('drawing.mjs', import.meta.url)));

function cached(cache, source) {
  return path.join(cache, `${hash(HOW + source).slice(0, 20)}.svg`);
}

function load(cache, source) {
  const file = cached(cache, source);
  if (existsSync(file)) pictures.set(source, readFileSync(file, 'utf8'));
  return pictures.get(source) !== null;
}

function keep(cache, source, svg) {
  mkdirSync(cache, { recursive: true });
  const fresh = `${cached(cache, source)}.${process.pid}`;
  writeFileSync(fresh, svg);
  renameSync(fresh, cached(cache, source)); // whole, or not at all
  pictures.set(source, svg);
}

/** Return the HTML of a diagram in the file `where`; text alone where it could not be drawn. */
export async function diagram(source, where) {
  await prepare();
  const svg = pictures.get(source) ?? null;
  const stage = where.match(/^(v\d\d)_/)?.[1] ?? null;
  const text = linked(escape(source), stage, false);
  if (svg === null) return `<pre class="diagram" tabindex="0"><code>${text}</code></pre>\n`;
  const { title = '', scene = null } = places.get(where + source) ?? {};
  return figure(picture(svg, source, stage), name(source, title, where), text,
    sceneLink(stage, scene));
}

// The style sheet comes with the figure: only pages with diagrams need it.
function figure(svg, title, text, more) {
  const [width] = svg.match(/--width: \d+px/);
  return `<figure class="diagram" style="${width}">
<link rel="stylesheet" href="@/assets/diagram.css">
<div class="diagram-box" tabindex="0" role="region" aria-label="${escape(title)}">
${svg.replace('aria-label=""', `aria-label="${escape(title)}"`)}
</div>
<figcaption>
<details><summary>The diagram as text</summary>
<pre tabindex="0"><code>${text}</code></pre>
</details>${more}
</figcaption>
</figure>
`;
}

function name(source, title, where) {
  const kind = KINDS[source.trim().split(/\s/)[0]] ?? 'Diagram';
  const folder = where.includes('/') ? `, ${where.split('/')[0]}` : '';
  return title === '' ? kind + folder : `${kind}: ${title}${folder}`;
}

function sceneLink(stage, scene) {
  const page = `${stage}-${scene}`;
  if (!recordings(book()).some((one) => sceneName(one) === page)) return '';
  return `\n<a class="to-trace" href="@/trace/${page}.html">Step through this scene</a>`;
}

// With links inside, the picture is a group to a screen reader: an image would hide them. They
// are no stops for the Tab key, which would have to be pressed a hundred times; the same links
// stand in the diagram's text, which is one.
function picture(svg, source, stage) {
  const inside = svg.replace(/>([^<>]+)</g, (whole, text) => `>${linked(text, stage, true)}<`);
  const role = inside.includes('<a ') ? 'group' : 'img';
  const [, width] = svg.match(/viewBox="\S+ \S+ (\S+)/);
  return inside.replace(/^<svg ([^>]*?)width="100%"([^>]*)>/, (whole, before, after) =>
    `<svg ${before.trim()}${after} role="${role}" aria-label=""` +
    ` style="--width: ${Math.ceil(width)}px"><desc>${summary(source)}</desc>`);
}

function summary(source) {
  const parts = [...source.matchAll(/^\s*participant \S+ as (.*)$/gm)].map((one) => one[1]);
  const messages = [...source.matchAll(/->>/g)].length;
  if (parts.length === 0) return 'The text of the diagram follows.';
  return escape(`${parts.join(', ')}: ${messages} messages. The text of the diagram follows.`);
}

function linked(text, stage, inPicture) {
  const more = inPicture ? ' tabindex="-1"' : '';
  return text.replace(/[a-z][a-z0-9_]*(?:\.[ch]\b)?/g, (word, at) => {
    const href = isName(text, word, at) ? hrefOf(stage, word) : null;
    return href === null ? word : `<a href="${href}"${more}>${word}</a>`;
  });
}

// A name of one word, such as `serve`, may be a word of the language too: it is a name where it
// begins a label or stands between commas.
/** Return whether a word of a label is the name of a function or a file. */
export function isName(text, word, at) {
  const before = text.slice(0, at);
  const after = text.slice(at + word.length);
  if (/[\w&]$/.test(before) || /^[\w;]/.test(after)) return false;
  return /[_.]/.test(word)
    || (/(^|[:,] |as |^ +|--> )$/m.test(before) && /^([,:(]| --|$)/m.test(after));
}

// The first page's graph shows the parts of the last stage.
function hrefOf(short, name) {
  const stage = short === null ? book().stages.at(-1) : book().stage(short);
  const files = short === null ? [`${name}.c`, `${name}.h`] : [name];
  const file = files.find((one) => stage.files.some((other) => other.name === one));
  if (file) return `@/${stage.short}/code/${file}.html`;
  const found = short === null ? null : meantFunction(stage, name);
  return found ? functionHref(stage, found) : null;
}
