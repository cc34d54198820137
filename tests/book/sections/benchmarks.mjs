// What was measured: each question of tests/README.md with the tables and pictures that answer it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { read } from '../lib/book.mjs';
import { escape, plain, scrollBox, slug } from '../lib/html.mjs';
import { render } from '../lib/markdown.mjs';
import { copyOf } from '../lib/repository.mjs';

const RESULTS = 'tests/bench/results';
const QUESTIONS = /^\| Question \| Answered by \|\n.*\n((?:\|.*\n)+)/m;
const COUNTED = { question: 'What was counted, and not timed?',
  words: 'Instructions and memory are the same each time: `make bench-instructions` and '
    + '`make bench-memory` count them.' };

/** Make the page of the benchmark. */
export async function pages(book) {
  const files = readdirSync(join(book.root, RESULTS)).sort();
  const asked = questions(files);
  const parts = await Promise.all(asked.map((one) => answer(one, files)));
  return [{ path: 'benchmarks.html', title: 'Benchmarks', styles: ['benchmarks.css'],
    toc: false, html: `<div class="results">\n${head(asked)}\n${parts.join('\n')}\n</div>`,
    search: asked.map((one) => ({ title: one.question, anchor: slug(one.question),
      text: one.names.map(firstLine).join('. ') })) }];
}

function head(asked) {
  const links = asked.map(({ question }) => `<li><a href="#${slug(question)}">`
    + `${escape(question)}</a></li>`);
  return `<h1>Benchmarks</h1>
<p>What <code>make bench</code> found on two noisy cores, question by question. What follows from
it stands on the <a href="@/index.html#how-fast-it-is">first page</a>; how it is measured, and how
to read the tables, in <a href="@/tests/index.html#the-benchmark">the benchmark's own words</a>.
Compare ratios, not times; <code>~</code> means that no difference was seen.</p>
<nav aria-label="Questions"><ul>
${links.join('\n')}
</ul></nav>`;
}

/** Return the questions with the names of the tables that answer each; what is left comes last. */
function questions(files) {
  const [, rows] = QUESTIONS.exec(read('tests/README.md'));
  const asked = rows.trim().split('\n').map((row) => row.split('|').map((cell) => cell.trim()))
    .map(([, question, words]) => ({ question, words, names: tablesIn(words) }));
  const named = asked.flatMap((one) => one.names);
  const names = files.filter((file) => file.endsWith('.txt')).map((file) => file.slice(0, -4))
    .filter((name) => !named.includes(name));
  return names.length === 0 ? asked : [...asked, { ...COUNTED, names }];
}

function tablesIn(words) {
  return [...words.matchAll(/`(\w+)\.txt`/g)].map(([, name]) => name);
}

async function answer({ question, words, names }, files) {
  const pictures = files.filter((file) => file.endsWith('.svg') && belongs(file, names));
  return [`<h2 id="${slug(question)}">${escape(question)}</h2>`,
    (await render(words, 'tests/README.md')).replaceAll('<p>', '<p class="muted">'),
    ...pictures.map(picture), ...names.map(tables)].join('\n');
}

/** `stages_large.svg` is a picture of what `stages.txt` holds. */
function belongs(file, names) {
  return names.some((name) => file === `${name}.svg`)
    || names.some((name) => file.startsWith(`${name}_`) && !names.includes(file.slice(0, -4)));
}

/** A picture has a white ground of its own, in the dark too; its table says the same in words. */
function picture(file) {
  const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(read(`${RESULTS}/${file}`));
  return `<p class="plot"><img src="${copyOf(`${RESULTS}/${file}`)}"`
    + ` alt="${escape(captionOf(file))}" width="${width}" height="${height}" loading="lazy"></p>`;
}

/** Return what the top README says of a picture, or else its title: its longest text. */
function captionOf(file) {
  const caption = [...read('README.md').matchAll(/!\[([^\]]+)\]\(([^)]+)\)/g)]
    .find(([, , path]) => path.endsWith(`/${file}`));
  if (caption) return caption[1];
  const texts = [...read(`${RESULTS}/${file}`).matchAll(/<text>.*<\/text>/g)];
  return texts.map(([text]) => plain(text)).sort((a, b) => b.length - a.length)[0];
}

function firstLine(name) {
  return read(`${RESULTS}/${name}.txt`).split('\n')[0];
}

/** Return a file of results: its headings, its tables as they are, and its notes. */
function tables(name) {
  const parts = read(`${RESULTS}/${name}.txt`).trim().split(/\n\n+/);
  return `<section aria-label="${name}.txt">\n`
    + `${parts.map((part, at) => block(name, part, parts[at + 1], parts[at - 1])).join('\n')}\n`
    + '</section>';
}

function block(name, text, next, before) {
  if (isTable(text)) {
    return scrollBox(`<pre>${escape(text)}</pre>`, before ?? name);
  }
  if (next && isTable(next)) return `<h3>${escape(text)}</h3>`;
  return `<p class="note">${escape(text)}</p>`;
}

function isTable(text) {
  return /^.*\n-[- ]+\n/.test(text);
}
