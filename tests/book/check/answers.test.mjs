// No answer of an exercise is anywhere in the book: neither a line of a solution, nor a sentence
// of an answer or of a teacher's note, nor a planted mistake, in pages, search or scripts.

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { SHORTEST, finder } from './find.mjs';
import { fail } from './harness.mjs';
import { FOLDER, ROOT } from './place.mjs';

// Shorter pieces may stand in the book for other reasons.
const SHORTEST_LINE = 24;
const SHORTEST_SENTENCE = 40;
const SECRET = /^<details><summary>(?:Answer|For teachers).*?^<\/details>/gms;

function filesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? filesOf(name) : [name];
  });
}

const TAG = { html: /<[^>]*>/g, md: /<\/?(?:code|details|summary|em|b|br)>/g };

/** Return what is left of a file's text without tags, entities, marks and white space. */
function bare(text, kind = '') {
  return text.replace(TAG[kind] ?? '', '').replace(/&(?:quot|#34|#x22);/g, '"')
    .replace(/&(?:#39|#x27|apos);/g, "'").replace(/&lt;/g, '<').replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&').replace(/\\[nt"\\]|[`*_\s\\]/g, '');
}

const kindOf = (file) => path.extname(file).slice(1);
const bareFile = (file) => bare(readFileSync(file, 'utf8'), kindOf(file));

const exercises = readdirSync(ROOT).filter((name) => /^v\d\d_/.test(name))
  .map((stage) => path.join(ROOT, stage, 'exercises'))
  .flatMap((folder) => filesOf(folder));

/** Return the lines that a solution adds, with what they would look like bare. */
function solutionLines(file) {
  return readFileSync(file, 'utf8').split('\n')
    .filter((line) => /^\+(?!\+\+ )/.test(line)).map((line) => line.slice(1).trim())
    .filter((line) => line.length >= SHORTEST_LINE);
}

/** Return the sentences of the answer and of the notes for teachers. */
function secretSentences(file) {
  return [...readFileSync(file, 'utf8').matchAll(SECRET)]
    .flatMap(([text]) => text.replace(/<.*?<\/summary>/, '').replace(/\s+/g, ' ')
      .split(/(?<=[.?!:;]) |```\w*/))
    .map((sentence) => sentence.trim()).filter((one) => one.length >= SHORTEST_SENTENCE);
}

/** Return what the planted mistakes are: in words, and the lines of code that they bring. */
function mistakes(file) {
  const plants = JSON.parse(readFileSync(file, 'utf8')).plants ?? [];
  return plants.flatMap(({ words, swaps = [] }) => [words, ...swaps.flatMap(linesOfSwap)])
    .map((text) => text.trim()).filter((text) => text.length >= SHORTEST_LINE);
}

const linesOfSwap = ([, , code]) => code.split('\n');

function secretsOf(file) {
  if (file.endsWith('solution.patch')) return solutionLines(file);
  if (file.endsWith('exercise.json')) return mistakes(file);
  return file.endsWith('README.md') ? secretSentences(file) : [];
}

// What readers may see besides: the stages, the tests, the tasks and the hints.
function openText() {
  const stages = readdirSync(ROOT).filter((name) => /^v\d\d_|^README|^tests$/.test(name));
  const files = stages.flatMap((name) => name.endsWith('.md') ? [path.join(ROOT, name)]
    : filesOf(path.join(ROOT, name)));
  return files.filter((file) => /\.(c|h|md|py)$|Makefile$/.test(file)
    && !/node_modules|\/mine\/|tests\/(plants|exercises)\/.*py/.test(file)
    && (!/v\d\d_\w+\/exercises/.test(file) || file.endsWith('README.md')))
    .map((file) => bare(readFileSync(file, 'utf8').replace(SECRET, ''), kindOf(file))).join('\n');
}

/** Return {bare text: [file, text]} of all that must not be in the book. */
function secrets() {
  const open = openText();
  const found = new Map();
  for (const file of exercises) {
    for (const text of secretsOf(file)) {
      const key = bare(text, kindOf(file));
      if (key.length >= SHORTEST && !open.includes(key)) {
        found.set(key, [path.relative(ROOT, file), text]);
      }
    }
  }
  return found;
}

test('no answer is in the book', () => {
  const found = [];
  const wanted = secrets();
  const find = finder(wanted.keys());
  for (const name of filesOf(FOLDER).filter((one) => /\.(html|js|json|svg|txt)$/.test(one))) {
    for (const key of find(bareFile(name))) {
      const [file, text] = wanted.get(key);
      found.push(`${path.relative(FOLDER, name)}: "${text.slice(0, 70)}" of ${file}`);
    }
  }
  if (found.length > 0 || wanted.size < 500) {
    fail({ page: 'all', expected: `none of ${wanted.size} lines and sentences of answers`,
      seen: found.slice(0, 20), cause: 'a page or the search index takes in a whole README' });
  }
});
