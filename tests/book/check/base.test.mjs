// The base of the book: links, anchors, names of functions, what must not be in it, the server.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { BOOK, ROOT, book, read } from '../lib/book.mjs';
import { problems } from '../lib/check.mjs';
import { lines, linesOf, splitLines } from '../lib/code.mjs';
import { plain, relative, slug } from '../lib/html.mjs';
import { layout } from '../lib/layout.mjs';
import { render } from '../lib/markdown.mjs';
import { address, pageOf } from '../lib/repository.mjs';
import { entries } from '../lib/search.mjs';
import { terms } from '../sections/glossary.mjs';
import * as behaviour from '../sections/behaviour.mjs';
import * as code from '../sections/code.mjs';
import * as exercises from '../sections/exercises.mjs';
import { withSteps } from '../sections/readmes.mjs';

// -- addresses ---------------------------------------------------------------

test('a link of a README leads to the page that shows its target', () => {
  const from = 'v07_buffer/README.md';
  assert.equal(address('../v06_acceptor/', from), '@/v06/index.html');
  assert.equal(address('../v06_acceptor/README.md#the-idea', from), '@/v06/index.html#the-idea');
  assert.equal(address('connection.c', from), '@/v07/code/connection.c.html');
  assert.equal(address('#traps', from), '@/v07/index.html#traps');
  assert.equal(address('exercises/rooms/', from), '@/exercises/v07/rooms.html');
  assert.equal(address('exercises/', from), '@/exercises/index.html#v07');
  assert.equal(address('../README.md#glossary', from), '@/glossary.html');
  assert.equal(address('../README.md', from), '@/index.html');
  assert.equal(address('../tests/checks/check_slow.py', from),
    '@/tests/checks/check_slow.py.html');
  assert.equal(address('tests/exercises/README.md#for-teachers', 'README.md'),
    '@/tests/exercises/index.html#for-teachers');
});

test('a link that leads nowhere, or to an answer, is refused', () => {
  const from = 'v07_buffer/README.md';
  assert.throws(() => address('../v99_none/', from), /v99_none\/ leads nowhere/);
  for (const name of ['solution.patch', 'check_rooms.py', 'exercise.json']) {
    assert.throws(() => address(`exercises/rooms/${name}`, from), /give an answer away/);
  }
  assert.equal(pageOf('v07_buffer/exercises/rooms/README.md'), 'exercises/v07/rooms.html');
});

test('addresses become relative to their page', () => {
  const html = '<a href="@/v07/index.html#a"> <img src="@/files/a.svg"> "@/b"';
  assert.equal(relative(html, 'v07/step/2.html'),
    '<a href="../../v07/index.html#a"> <img src="../../files/a.svg"> "@/b"');
  assert.equal(relative(html, 'index.html'),
    '<a href="v07/index.html#a"> <img src="files/a.svg"> "@/b"');
});

test('headings have the anchors that GitHub gives them', async () => {
  assert.equal(slug('What is still wrong?'), 'what-is-still-wrong');
  assert.equal(slug('v07_buffer: nothing blocks'), 'v07_buffer-nothing-blocks');
  const html = await render('# A `b_c` d\n\n## A b_c d\n', 'README.md');
  assert.match(html, /<h1 id="a-b_c-d">/);
  assert.match(html, /<h2 id="a-b_c-d-1">/);
});

test('words keep their signs when the tags go', () => {
  assert.equal(plain('<p>a (<code>v07</code>), <a href="#">b</a>.</p><p>c</p>'), 'a (v07), b. c');
});

// -- where the reader is, and what comes next ----------------------------------

/** Return what the header of a page marks as the reader's place. */
function marked(path, stage) {
  const html = layout({ path, stage, title: '', html: '' }, book(), new Set(), true);
  return [...html.matchAll(/aria-current="(\w+)">([^<]*)/g)].map(([, kind, words]) => (
    `${words} ${kind}`));
}

test('the header marks the stage and the place', () => {
  assert.deepEqual(marked('v07/index.html', 'v07'), ['v07 page', 'README page']);
  assert.deepEqual(marked('v07/step/4.html', 'v07'), ['v07 true', 'Steps from v06 true']);
  assert.deepEqual(marked('v10/code/buffer.c.html', 'v10'), ['v10 true', 'Code true']);
  assert.deepEqual(marked('exercises/v07/rooms.html', 'v07'), ['v07 true', 'Exercises true']);
  assert.deepEqual(marked('trace/v07-echo.html', 'v07'), ['v07 true', 'Traces true']);
  assert.deepEqual(marked('function/main.html'), ['Files true']);
  assert.deepEqual(marked('index.html'), []);
});

test('a README leads to its steps, and the last exercise to the next stage', async () => {
  const html = '<h2 id="in-which-order-to-read">In</h2><p>';
  assert.match(withSteps(html, book().stage('v07')), /<\/h2>\n<p class="onward">.*@\/v07\/step/);
  assert.throws(() => withSteps('<h2 id="traps">', book().stage('v07')), /no "In which order/);
  for (const { stage, nav, path } of (await exercises.pages(book())).slice(1)) {
    assert.ok(nav.next || stage === 'v10', path);
    const leads = nav.next?.href ?? '';
    assert.ok(!leads.includes('/exercises/') || leads.includes(`/${stage}/`), `${path}: ${leads}`);
  }
});

// -- Markdown ------------------------------------------------------------------

test('words between back-quotes lead to what they name', async () => {
  const html = await render('`connection_settle` `buffer.c` `main` `recv` `make diff-v07 PART=2` '
    + '`make try-rooms` [`connection_open`](connection.c)', 'v07_buffer/README.md');
  const links = [...html.matchAll(/href="([^"]*)"/g)].map((match) => match[1]);
  assert.deepEqual(links, ['@/v07/code/connection_settle.c.html#connection_settle',
    '@/v07/code/buffer.c.html', '@/v07/step/2.html', '@/exercises/v07/rooms.html',
    '@/v07/code/connection.c.html']);
  const own = await render('`make try-rooms`', 'v07_buffer/exercises/rooms/README.md');
  assert.doesNotMatch(own, /href/);
});

test('a fence of code names functions of its stage, one of commands does not', async () => {
  const text = 'connection_settle(connection);\n```\n';
  const from = 'v07_buffer/README.md';
  assert.match(await render(`\`\`\`c\n${text}`, from), /href="@\/v07\/code\/connection_settle.c/);
  assert.doesNotMatch(await render(`\`\`\`sh\n${text}`, from), /href/);
  assert.doesNotMatch(await render(`\`\`\`c\n${text}`, 'README.md'), /href/);
});

test('Python within a shell command is coloured as Python', async () => {
  const html = await render("```sh\npython3 - <<'END'\nimport socket\nEND\n```\n", 'README.md');
  assert.match(html, /<span class="hljs-keyword">import<\/span> socket\nEND\n/);
});

test('folded parts stay HTML; a table is in a box of its own', async () => {
  const html = await render('<details><summary>A</summary>\n\n| a |  |\n| --- | --- |\n| b | c |\n'
    + '\n</details>\n', 'README.md');
  assert.match(html, /<details><summary>A<\/summary>/);
  assert.match(html, /<div class="scroll" tabindex="0"[\s\S]*<table>/);
  assert.doesNotMatch(html, /<th><\/th>/);
});

// -- code ------------------------------------------------------------------------

const anchor = (html) => [...html.matchAll(/<a href="([^"]*)">(\w+)<\/a>/g)]
  .map(([, href, name]) => [name, href]);

/** Return the first highlighted line of a file that holds the words. */
function lineWith(stage, file, words) {
  const folder = book().stage(stage).name;
  const at = read(`${folder}/${file}`).split('\n').findIndex((line) => line.includes(words));
  assert.notEqual(at, -1, `${file} of ${stage} has no line with ${words}`);
  return lines(stage, file)[at];
}

test('a call leads to the definition, a static function of the same file first', () => {
  const html = lineWith('v07', 'tcp_server.c', 'connection_open(');
  assert.deepEqual(anchor(html).find(([name]) => name === 'connection_open'),
    ['connection_open', '@/v07/code/connection.c.html#connection_open']);
  for (const file of ['echo_server.c', 'chat_server.c']) {
    assert.deepEqual(anchor(lineWith('v07', file, '= on_message')),
      [['on_message', `@/v07/code/${file}.html#on_message`]]);
  }
});

test('members, texts and functions of the system are no links', () => {
  const link = (name, { member, kind }) => (name === 'run' && !member && kind === 'code'
    ? '@/run' : null);
  const [html] = linesOf('run(a->run, a.run, "run"); write(1); // run', 'c', link);
  assert.deepEqual(anchor(html), [['run', '@/run']]);
  assert.doesNotMatch(lines('v07', 'connection_output.c').join('\n'), />send<\/a>/);
});

test('each line closes the spans that it opens', () => {
  assert.deepEqual(splitLines('<span class="a">x\ny</span>z'),
    ['<span class="a">x</span>', '<span class="a">y</span>z']);
  for (const line of lines('v10', 'event_loop.h')) {
    assert.equal(line.split('<span').length, line.split('</span>').length);
  }
});

test('highlighted code says what the file says', () => {
  const text = lines('v10', 'http_server.c').map((line) => line.replace(/<[^>]*>/g, '')
    .replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&#x27;/g, "'")
    .replace(/&amp;/g, '&')).join('\n');
  assert.equal(`${text}\n`, read('v10_timer/http_server.c'));
});

test('each function has an anchor at its definition, on the page of its file', async () => {
  const pages = new Map((await code.pages(book())).map((page) => [page.path, page.html]));
  for (const stage of book().stages) {
    for (const { file, name } of stage.functions) {
      const html = pages.get(`${stage.short}/code/${file}.html`);
      assert.equal(html.split(` id="${name}"`).length, 2, `${name} in ${stage.short}/${file}`);
    }
  }
});

// -- what is in the book, and what must not be -------------------------------------

test('each `no` of the table leads to a check that shows it, and to a better stage', async () => {
  const [page] = await behaviour.pages(book());
  const wanted = book().rows.flatMap((row) => row.cells)
    .filter((cell) => cell && cell !== 'yes').length;
  const cells = [...page.html.matchAll(/<td class="(?:no|part)">(.*?)<\/td>/g)];
  assert.ok(wanted > 20);
  assert.equal(cells.length, wanted);
  for (const [, cell] of cells) {
    assert.match(cell, /^<a href="@\/tests\/checks\/check_\w+\.py\.html#/);
  }
  const row = /^<tr>.*href="#stop-stalled">.*$/m.exec(page.html)[0];
  assert.deepEqual([...row.matchAll(/better in (v\d\d)_/g)].map(([, stage]) => stage),
    ['v07', 'v07']);
  assert.match(page.html, /<a href="#ipv6">IPv6<\/a><\/th><td class="no">.*?v03\/index/);
});

test('the glossary has each term once', () => {
  const found = terms(read('README.md'));
  assert.ok(found.length > 50);
  assert.equal(new Set(found.map(({ term }) => slug(term))).size, found.length);
  const { words } = found.find(({ term }) => term === 'high-water mark');
  assert.match(words, /^The size .* \(v07\)\.$/);
});

test('hints unfold one by one', async () => {
  const pages = await exercises.pages(book());
  const { html } = pages.find((page) => page.path === 'exercises/v07/always_writable.html');
  assert.match(html, /<details><summary>Hint 1 of 2<\/summary>(?:(?!<\/details>)[\s\S])*<details>/);
});

/** Return lines that only the answer to an exercise has. */
function answerLines(exercise) {
  const folder = join(ROOT, exercise.folder);
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const folded = [...readme.matchAll(/<summary>(?!Hint)[\s\S]*?<\/details>/g)].map(String).join('');
  const patch = readdirSync(folder).includes('solution.patch')
    ? readFileSync(join(folder, 'solution.patch'), 'utf8').match(/^\+(?!\+).*/gm).join('\n') : '';
  const known = [exercise.task, ...exercise.hints].join(' ').replace(/[`*]/g, '')
    .replace(/\s+/g, ' ');
  return [...folded.split('\n'), ...patch.replace(/^\+/gm, '').split('\n')]
    .map((line) => line.trim().replace(/[`*]/g, '')).map((line) => line.replace(/\s+/g, ' '))
    .filter((line) => line.length > 40 && !line.includes('<') && !known.includes(line));
}

test('no answer and no note for teachers is in the pages or in the search', async () => {
  const pages = await exercises.pages(book());
  const all = plain(pages.map((page) => page.html).join('\n'))
    + entries(pages).map((entry) => entry.x).join('\n');
  const searched = new Set();
  for (const exercise of book().exercises) {
    for (const line of answerLines(exercise)) {
      searched.add(line);
      assert.ok(!all.includes(line), `${exercise.name} gives away: ${line}`);
    }
  }
  assert.ok(searched.size > 1000, `${searched.size} lines looked for`);
});

// -- the checks of the written pages -------------------------------------------------

/** Return what is wrong with pages, given as {path: HTML}. */
function wrong(pages) {
  return problems(new Map(Object.entries(pages)), '/nowhere');
}

test('the build sees links and anchors that lead nowhere', () => {
  const there = '<h2 id="here">a</h2>';
  assert.deepEqual(wrong({ 'a/b.html': '<a href="../c.html#here">x</a>', 'c.html': there }), []);
  assert.match(wrong({ 'a.html': '<a href="b.html">x</a>' })[0], /a\.html: b\.html: leads nowhere/);
  assert.match(wrong({ 'a.html': '<a href="c.html#no">x</a>', 'c.html': there })[0],
    /a\.html: c\.html#no: no such anchor/);
  assert.match(wrong({ 'a.html': '<a href="@/b.html">x</a>' })[0], /no address of the book/);
});

test('the build sees what is loaded from elsewhere, ids that stand twice, pages too large', () => {
  assert.deepEqual(wrong({ 'a.html': '<a href="https://example.org/">x</a>' }), []);
  assert.match(wrong({ 'a.html': '<img src="https://example.org/a.png">' })[0], /another host/);
  assert.match(wrong({ 'a.html': '<link rel="x" href="//example.org/a">' })[0], /another host/);
  assert.match(wrong({ 'a.html': '<p style="background:url(http://a)">' })[0], /another host/);
  assert.match(wrong({ 'a.html': '<i id="a"></i><b id="a"></b>' })[0],
    /the id a stands there twice/);
  assert.match(wrong({ 'a.html': 'x'.repeat(1_000_000) })[0], /under 1 MB/);
});

// -- the server ------------------------------------------------------------------------

/** Start read.py on a book of one page; return its first line, and what ends it. */
async function serve(context, port) {
  const folder = mkdtempSync(join(tmpdir(), 'book-'));
  writeFileSync(join(folder, 'index.html'), 'a book');
  const server = spawn('python3', [join(BOOK, 'read.py'), '--port', String(port), '--book', folder],
    { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise((done) => { server.once('exit', done); });
  context.after(() => { server.kill('SIGKILL'); rmSync(folder, { recursive: true }); });
  const line = String(await new Promise((done) => { server.stdout.once('data', done); }));
  return { line, end: () => { server.kill('SIGINT'); return ended; } };
}

test('a port that is taken is no obstacle', { timeout: 20000 }, async (context) => {
  const other = createServer().listen(0, '127.0.0.1');
  context.after(() => other.close());
  await new Promise((done) => { other.once('listening', done); });
  const { port } = other.address();
  const { line, end } = await serve(context, port);
  assert.match(line, /127\.0\.0\.1:\d+/);
  assert.doesNotMatch(line, new RegExp(`:${port}/`));
  assert.equal(await end(), 0);
});
