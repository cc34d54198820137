// Diagrams, traces and the benchmark's page, made from small things, and looked at in Chromium.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync }
  from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { BOOK, ROOT, book } from '../lib/book.mjs';
import { chromiumPath, startChromium } from '../lib/browser.mjs';
import { diagram, diagramsIn, isName } from '../lib/diagrams.mjs';
import { breakLabels, draw } from '../lib/drawing.mjs';
import { relative } from '../lib/html.mjs';
import { layout } from '../lib/layout.mjs';
import * as benchmarks from '../sections/benchmarks.mjs';
import { scenePages } from '../sections/traces.mjs';

const FENCE = '```';
const skip = chromiumPath() === null && 'Chromium is missing';
const folder = mkdtempSync(join(tmpdir(), 'book-trace-'));
after(() => rmSync(folder, { recursive: true }));

// -- diagrams ----------------------------------------------------------------

test('a diagram has the heading and the scene that stand above it', () => {
  const found = diagramsIn(`# A\n${FENCE}mermaid\none\n${FENCE}\n## B \`c\`\n`
    + `<!-- scene: slow-reader -b 1000 -->\n${FENCE}mermaid\ntwo\n${FENCE}\nwords\n\n`
    + `${FENCE}mermaid\nthree\n${FENCE}\n${FENCE}mermaid\nfour\n${FENCE}\n`);
  assert.deepEqual(found, [
    { source: 'one\n', title: 'A', scene: null },
    { source: 'two\n', title: 'B c, slow-reader', scene: 'slow-reader' },
    { source: 'three\n', title: 'B c', scene: null },
    { source: 'four\n', title: 'B c (2)', scene: null }]);
});

test('long labels are broken between words, and only those of messages and notes', () => {
  const text = 'sequenceDiagram\n    participant A as a name that is longer than a line may be\n'
    + '    A->>B: connection_on_event, connection_input_read: recv\n'
    + '    Note over A,B: something that is far too long for one line\n';
  const lines = breakLabels(text).split('\n');
  assert.equal(lines[1], '    participant A as a name that is longer than a line may be');
  assert.equal(lines[2], '    A->>B: connection_on_event,<br/>connection_input_read: recv');
  assert.equal(lines[3], '    Note over A,B: something that is far too<br/>long for one line');
  assert.equal(breakLabels('flowchart BT\n    a --> b\n'), 'flowchart BT\n    a --> b\n');
});

test('a word of the language is no name of a function', () => {
  const is = (text, word) => isName(text, word, text.indexOf(word));
  assert.ok(is('serve, echo', 'echo') && is('serve: read', 'serve') && is('serve(5)', 'serve'));
  assert.ok(is('unlock, and call_on_open', 'call_on_open'));
  assert.ok(is('in connection.c', 'connection.c'));
  assert.ok(!is('unlock, and serve others', 'serve') && !is('reserve', 'serve'));
});

test('diagrams are drawn without colours, fonts or ids of their own', { skip }, async () => {
  const pictures = await draw([
    { name: 'one', source: 'sequenceDiagram\n    A->>B: serve\n    Note over A: words\n' },
    { name: 'two', source: 'sequenceDiagram\n    A->>B: echo\n' },
    { name: 'three', source: 'flowchart BT\n    a --> b\n' }]);
  const ids = pictures.flatMap((svg) => [...svg.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id));
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids.filter((id) => !/^(one|two|three)([_-]|$)/.test(id)), []);
  for (const svg of pictures) {
    assert.match(svg, /^<svg [^>]*viewBox/);
    assert.doesNotMatch(svg, /<style|<foreignObject|style="|fill="|font-|stroke="/);
    for (const [, id] of svg.matchAll(/url\(#([^)]+)\)/g)) assert.ok(ids.includes(id), id);
  }
});

test('each diagram of a README is a picture with a name, links and a text', { skip }, async () => {
  const where = 'v07_buffer/README.md';
  const all = diagramsIn(readFileSync(join(ROOT, where), 'utf8'));
  const figures = await Promise.all(all.map(({ source }) => diagram(source, where)));
  const names = figures.map((html) => /<svg [^>]*aria-label="([^"]+)"/.exec(html)[1]);
  assert.ok(all.length > 0 && new Set(names).size === names.length, names.join('\n'));
  for (const html of figures) {
    const [picture, text] = html.split('<figcaption>');
    const links = (part) => new Set([...part.matchAll(/href="(@\/v07\/code[^"]+)"/g)]
      .map(([, href]) => href));
    assert.ok(links(picture).has('@/v07/code/connection.c.html#connection_on_event'));
    assert.deepEqual([...links(picture)].filter((href) => !links(text).has(href)), []);
    assert.equal(picture.match(/<a /g).length, picture.match(/<a [^>]*tabindex="-1"/g).length);
  }
});

test('without Chromium there is no path to it, and nothing is drawn', async () => {
  assert.equal(chromiumPath([folder]), null);
  const path = process.env.PATH;
  process.env.PATH = folder;
  try {
    assert.equal(await draw([{ name: 'one', source: 'flowchart BT\n    a --> b\n' }]), null);
  } finally {
    process.env.PATH = path;
  }
  const html = await diagram('sequenceDiagram\n    A->>B: hand_up\n', 'v07_buffer/README.md');
  assert.match(html, /^<pre class="diagram".*A-&gt;&gt;B: <a href="[^"]*#hand_up">hand_up<\/a>/s);
});

// -- traces ------------------------------------------------------------------

const v07 = book().stage('v07');

// A call of one function by another, on the caller's `line`, counted from its head.
function call(depth, name, by = null, line = 0, more = {}) {
  const [own] = v07.definitions.get(name) ?? [];
  const [caller] = v07.definitions.get(by) ?? [];
  return { kind: 'call', thread: 0, depth, name, system: !own, file: own?.file ?? '',
    line: own?.line ?? 0, caller: by ?? '', arguments: '', result: '', folded: 0,
    at: caller ? { file: caller.file, line: caller.line + line } : null, ...more };
}

const TRACE = { stage: 'v07_buffer', program: 'echo_server', scene: 'made-up', what: 'a <scene>',
  threads: [{ id: 0, name: 'main thread' }, { id: 1, name: 'worker 1' }],
  events: [
    call(0, 'event_loop_run'),
    { kind: 'client', text: 'client 1 sends "<a>"' },
    call(1, 'connection_on_event', 'event_loop_run', 9),
    call(2, 'connection_input_read', 'connection_on_event', 13),
    call(3, 'recv', 'connection_input_read', 4, { arguments: '10, 64', result: '6', times: 3 }),
    call(0, 'options_delay', null, 0, { thread: 1 }),
    call(0, 'on_message', 'hand_up', 5, { thread: 1 }),
    call(2, 'connection_is_settled', 'connection_on_event', 14),
    call(1, 'epoll_await', 'event_loop_run', 5),
  ] };

function pageOfScene() {
  return scenePages(book(), [TRACE]).find((page) => page.path === 'trace/v07-made-up.html');
}

test('a scene is a list of all its calls, each a link to its lines', () => {
  const { html } = pageOfScene();
  const rows = [...html.matchAll(/<li id="(\d+)" (.*?)<\/li>/gs)];
  assert.deepEqual(rows.map(([, step]) => Number(step)), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.match(rows[1][0], /client 1 sends &quot;&lt;a&gt;&quot;</);
  const { line } = v07.definitions.get('connection_input_read')[0];
  assert.match(rows[3][0], new RegExp(`connection_input.c.html#L${line}"`));
  assert.match(rows[4][0], new RegExp(`connection_input.c.html#L${line + 4}"`));
  assert.match(rows[4][0], /recv.*10, 64.*→ 6.*× 3/s);
  assert.match(rows[5][0], /<span class="thread">worker 1<\/span>/);
  assert.doesNotMatch(rows[6][0], /<span class="thread">/);
});

test('each function that a scene shows stands in its page once', () => {
  const { html } = pageOfScene();
  const keys = [...html.matchAll(/<template data-key="([^"]+)"/g)].map(([, key]) => key);
  assert.equal(new Set(keys).size, keys.length);
  assert.ok(keys.includes('connection_input.c:connection_input_read'));
  assert.ok(keys.includes('connection_input.c:hand_up'), 'a function that only calls');
  for (const [, key] of html.matchAll(/data-(?:from|to)="([^"]+)"/g)) {
    assert.ok(keys.includes(key), key);
  }
});

test('no recordings: no pages', () => {
  assert.deepEqual(scenePages(book(), []), []);
});

async function inScene(use) {
  mkdirSync(join(folder, 'trace'), { recursive: true });
  cpSync(join(BOOK, 'assets'), join(folder, 'assets'), { recursive: true });
  const page = pageOfScene();
  const file = join(folder, page.path);
  writeFileSync(file, relative(layout(page, book(), new Set(), true), page.path));
  const browser = await startChromium();
  try {
    const tab = await browser.newPage();
    tab.on('pageerror', (error) => assert.fail(error));
    await tab.goto(`file://${file}`);
    await use(tab);
  } finally {
    await browser.close();
  }
}

function state() {
  const { document, location } = globalThis;
  const words = (selector) => document.querySelector(selector)?.textContent.trim() ?? '';
  const stack = [...document.querySelectorAll('.trace-stacks .current li')];
  return { step: Number(location.hash.slice(1)), now: words('.trace-now'),
    line: words('.trace-calls .now'), stack: stack.map((one) => one.innerText) };
}

async function press(tab, ...keys) {
  for (const key of keys) await tab.keyboard.press(key);
  return tab.evaluate(state);
}

test('keys step through a scene, over a call, and to its ends', { skip }, () => inScene(
  async (tab) => {
    assert.equal((await press(tab, 'ArrowRight')).now, 'client 1 sends "<a>".');
    const inside = await press(tab, 'ArrowDown', 'n', 'n');
    assert.equal(inside.step, 5);
    assert.match(inside.line, /= recv\(/);
    assert.deepEqual(inside.stack,
      ['event_loop_run', 'connection_on_event', 'connection_input_read', 'recv']);
    assert.equal((await press(tab, 'ArrowUp', 'p')).step, 3);
    assert.equal((await press(tab, 'o')).step, 9, 'over all that connection_on_event calls');
    assert.equal((await press(tab, 'Home', 'ArrowLeft')).step, 1);
    assert.equal((await press(tab, 'End', 'ArrowRight')).step, 9);
    assert.deepEqual((await press(tab, 'p')).stack,
      ['event_loop_run', 'connection_on_event', 'connection_is_settled']);
    assert.equal((await press(tab, 'Home', 'n', 'n', 'n', 'o')).step, 8, 'to the next beside it');
    const other = await press(tab, 'p');
    assert.deepEqual(other.stack, ['on_message']);
    assert.match(other.now, /^worker 1: hand_up calls on_message, line \d+ of \w+_input.c\.$/);
  }));

test('the slider, a click and the buttons go to a step; playing stops at the end', { skip },
  () => inScene(async (tab) => {
    await tab.locator('.trace-bar input').fill('4');
    assert.equal((await tab.evaluate(state)).step, 4);
    await tab.locator('.trace-events .name').nth(1).click();
    assert.equal((await tab.evaluate(state)).step, 3);
    await tab.getByRole('button', { name: 'Step' }).click();
    assert.equal((await tab.evaluate(state)).step, 4);
    await press(tab, 'End', 'ArrowLeft');
    await tab.clock.install();
    await tab.getByRole('button', { name: 'Play' }).click();
    await tab.clock.runFor(1500);
    assert.equal((await tab.evaluate(state)).step, 9);
    await tab.clock.runFor(1500);
    assert.equal(await tab.locator('[data-do="play"]').textContent(), 'Play');
  }));

// -- the benchmark -----------------------------------------------------------

test('every result stands on the page of the benchmark, under a question', async () => {
  const [page] = await benchmarks.pages(book());
  const files = readdirSync(join(ROOT, 'tests/bench/results'));
  for (const file of files.filter((name) => name.endsWith('.svg'))) {
    assert.match(page.html, new RegExp(`<img src="[^"]*/${file}" alt="[^"]{20,}"`), file);
  }
  assert.match(page.html, /stages.svg" alt="Server CPU for a message of 64 bytes"/);
  for (const file of files.filter((name) => name.endsWith('.txt'))) {
    assert.ok(page.html.includes(`aria-label="${file}"`), file);
  }
  assert.ok(page.html.indexOf('<h2') < page.html.indexOf('<section'));
  assert.match(page.html, /~: inside the noise/);
});
