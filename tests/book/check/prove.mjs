// Make mistakes in copies of the book, one at a time. A test must notice each.
//
//   node tests/book/check/prove.mjs [WORD]      the mistakes whose words hold the word
//
// The last line is `N passed, N failed, N skipped`; the exit status as that of run.mjs.

import { spawn } from 'node:child_process';
import { appendFileSync, linkSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync }
  from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { FOLDER } from './place.mjs';
import { BARRIERS, PAGES, SCRIPTS } from './plants.mjs';
import { serve } from './serve.mjs';
import { SKIPPED, whatIsMissing } from './tests.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const AT_A_TIME = 2;
// Milliseconds. Most mistakes make a test wait in vain.
const PATIENCE = 4000;
const LIMIT = 180000;

const filesOf = (folder, below = '') => readdirSync(path.join(folder, below),
  { withFileTypes: true }).flatMap((entry) => {
  const name = path.posix.join(below, entry.name);
  return entry.isDirectory() ? filesOf(folder, name) : [name];
});

/** Copy a book; a file takes no room until it is changed. */
function copy(folder) {
  rmSync(folder, { recursive: true, force: true });
  for (const name of filesOf(FOLDER)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    linkSync(path.join(FOLDER, name), path.join(folder, name));
  }
}

const isMeant = (plant, name) => (typeof plant.in === 'string' ? plant.in === name
  : plant.in.test(name));

/** Make a mistake in a copy; return a function that undoes it. Throw when nothing changes. */
function sow(plant, folder) {
  if (plant.make) {
    writeFileSync(path.join(folder, plant.in), plant.make);
    return () => rmSync(path.join(folder, plant.in));
  }
  const names = filesOf(FOLDER).filter((name) => isMeant(plant, name))
    .filter((name) => breakFile(plant, path.join(folder, name)));
  if (names.length === 0) throw new Error('the mistake can\'t be made: the book is another one');
  return () => names.forEach((name) => {
    rmSync(path.join(folder, name), { force: true });
    linkSync(path.join(FOLDER, name), path.join(folder, name));
  });
}

// Return whether the file is another one now. Its link to the book's own is cut.
function breakFile(plant, file) {
  const text = readFileSync(file, 'utf8');
  const broken = plant.swap ? text.replace(...plant.swap) : text;
  if (plant.swap && broken === text) return false;
  rmSync(file);
  if (!plant.gone) writeFileSync(file, broken);
  if (plant.end) appendFileSync(file, plant.end);
  return true;
}

const asPattern = (words) => `^${words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;

/** Run one test against a copy; return its exit status, and what it said. */
function runOne({ file, test }, { url, folder }) {
  const child = spawn(process.execPath, ['--test-reporter=tap',
    `--test-name-pattern=${asPattern(test)}`, path.join(HERE, `${file}.test.mjs`)],
  { env: { ...process.env, BOOK_URL: url, BOOK_FOLDER: folder, BOOK_PATIENCE: `${PATIENCE}` } });
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT);
  const said = [];
  child.stdout.on('data', (bytes) => said.push(bytes));
  child.stderr.on('data', (bytes) => said.push(bytes));
  return new Promise((resolve) => child.on('close', (status) => {
    clearTimeout(limit);
    resolve({ status, said: Buffer.concat(said).toString() });
  }));
}

/** Return null when the test notices the mistake, or what is wrong. */
async function wrongWith(plant, site) {
  const undo = sow(plant, site.folder);
  const { status, said } = await runOne(plant, site);
  undo();
  if (status === 0) return 'no test failed';
  return said.includes(plant.says) ? null
    : `it does not say "${plant.says}", but:\n${failure(said)}`;
}

// What is told of the test that failed, without those that were not to run.
const failure = (said) => /^not ok[^]*?^  \.\.\.$/m.exec(said)?.[0] ?? said;

async function worker(number, plants, count) {
  const folder = path.resolve(FOLDER, `../book-broken-${number}`);
  copy(folder);
  const site = { folder, ...await serve(folder) };
  for (let plant = plants.shift(); plant !== undefined; plant = plants.shift()) {
    const wrong = await wrongWith(plant, site).catch((error) => error.message);
    count[wrong === null ? 'passed' : 'failed'] += 1;
    console.log(wrong === null ? ` ok   ${plant.words}`
      : ` NOT CAUGHT ${plant.words}\n      ${plant.file}: ${plant.test}: ${wrong}`);
  }
  await site.stop();
  rmSync(folder, { recursive: true });
}

async function main(word = '') {
  const missing = await whatIsMissing();
  if (missing !== null) {
    console.log(`skipped: the book can't be tested in a browser: ${missing}`);
    return SKIPPED;
  }
  const plants = [...PAGES, ...BARRIERS, ...SCRIPTS].filter(({ words }) => words.includes(word));
  const count = { passed: 0, failed: 0 };
  await Promise.all(Array.from({ length: AT_A_TIME }, (_, i) => worker(i, plants, count)));
  console.log(`${count.passed} passed, ${count.failed} failed, 0 skipped`);
  return count.passed > 0 && count.failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv[2]);
