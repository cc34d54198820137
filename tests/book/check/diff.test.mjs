// The diffs of the book: what a page shows are the two files, and moves and words are true.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { BOOK, book, read } from '../lib/book.mjs';
import { renderDiff } from '../lib/diff.mjs';
import { apply, counts, editsOf } from '../lib/edits.mjs';
import { escape } from '../lib/html.mjs';
import { pieces } from '../lib/hunks.mjs';
import { differences, mark, pairs } from '../lib/marks.mjs';
import { findMoved, marksOf } from '../lib/moved.mjs';
import { disagreements, readingOrder } from '../lib/order.mjs';
import { allPairs } from '../lib/pairs.mjs';
import { pages as stepPages } from '../sections/steps.mjs';

const LINE = /<(div|del|ins) class="l[^"]*"([^>]*)>(.*?)<\/\1>/gs;
const FILE = /<article class="file[^"]*" aria-labelledby="([^"]+)">(.*?)<\/article>/gs;
const PLACE = /--row:(\d+)/;

/** Return the texts of the files that the stages have: [name, older lines, newer lines]. */
function neighbours() {
  const { stages } = book();
  const has = (stage, name) => stage.files.some((file) => file.name === name);
  return stages.slice(1).flatMap((newer, at) => newer.files
    .filter(({ name }) => has(stages[at], name))
    .map(({ name }) => [name, linesOf(stages[at], name), linesOf(newer, name)]));
}

function linesOf(stage, name) {
  return read(`${stage.name}/${name}`).replace(/\n$/, '').split('\n');
}

/** Return the text that a line's HTML shows. */
function textOf(html) {
  return html.replace(/^.*<code>/s, '').replace(/<[^>]*>/g, '').replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&#(39|x27);/g, "'")
    .replace(/&amp;/g, '&');
}

/** Return the two texts that a diff's HTML shows, by the numbers beside the lines. */
function shownTexts(html) {
  const sides = { o: [], n: [] };
  for (const [, , attributes, inner] of html.matchAll(LINE)) {
    for (const [, side, number] of attributes.matchAll(/data-(o|n)="(\d+)"/g)) {
      assert.equal(sides[side][number - 1], undefined, `line ${number} stands there twice`);
      sides[side][number - 1] = textOf(inner);
    }
  }
  return sides;
}

/** Return a side of a diff, for lines without highlighting. */
function plainSide(text) {
  return { text, html: text.map(escape) };
}

/** Render the diff of two texts, with the lines marked that moved. */
function rendered(older, newer) {
  const [edits] = editsOf([[older, newer]]);
  const files = [{ old: older, new: newer, edits }];
  const [moved] = marksOf(findMoved(files), files, (_, side, id) => `#${id}`, () => 'there');
  return renderDiff({ id: 'x', label: 'x', edits, moved, old: plainSide(older),
    new: plainSide(newer) });
}

test('the edits of a text make the other one of it', () => {
  const all = neighbours();
  const edits = editsOf(all.map(([, older, newer]) => [older, newer]));
  assert.ok(all.length > 150, `only ${all.length} files`);
  all.forEach(([name, older, newer], at) => {
    assert.deepEqual(apply(older, edits[at], newer), newer, name);
    assert.ok(edits[at].length > 0 || older.join() === newer.join(), name);
  });
});

test('so do the edits of any two versions', () => {
  for (const { name, from, to, edits } of allPairs(book())) {
    assert.ok(edits.length > 0, `${name} is compared with itself`);
    assert.deepEqual(apply(from.source.text, edits, to.source.text), to.source.text, name);
  }
});

test('an empty side is one of no lines', () => {
  assert.deepEqual(editsOf([[[], ['a', 'b']], [['a', 'b'], ['b']], [['a'], ['a']]]), [
    [{ old: 1, removed: 0, new: 1, added: 2 }], [{ old: 1, removed: 1, new: 1, added: 0 }], []]);
});

test('the pieces of a diff cover both texts, and fold what is far from a change', () => {
  const older = Array.from({ length: 40 }, (_, at) => `line ${at}`);
  const newer = older.map((line, at) => (at === 20 ? 'changed' : line));
  const found = pieces(40, newer, editsOf([[older, newer]])[0]);
  assert.deepEqual(found.map(({ kind, count }) => [kind, count ?? null]),
    [['fold', 17], ['hunk', null], ['fold', 16]]);
  assert.deepEqual(found[1].rows.map(({ kind, count, added }) => [kind, count ?? added]),
    [['same', 3], ['change', 1], ['same', 3]]);
});

test('a long new text is cut before a function, not within', () => {
  const body = Array.from({ length: 18 }, () => '    g();');
  const one = ['static void f(void)', '{', ...body, '}', ''];
  const newer = [...one, ...one, ...one];
  const found = pieces(0, newer, editsOf([[[], newer]])[0]);
  assert.deepEqual(found.map(({ rows }) => rows[0].new), [1, 23, 45]);
});

test('what a page shows are the two files, every line once', async () => {
  const made = new Map((await stepPages(book())).map((page) => [page.path, page.html]));
  const ways = JSON.parse(execFileSync('python3', [join(BOOK, 'steps.py')], { encoding: 'utf8' }));
  let shown = 0;
  for (const { stage, steps } of ways) {
    steps.forEach(({ entries }, at) => {
      const html = made.get(`${stage}/step/${at + 1}.html`);
      const files = new Map([...html.matchAll(FILE)].map(([, name, inner]) => [name, inner]));
      assert.deepEqual([...files.keys()], entries.map(({ name }) => name));
      for (const entry of entries) checkEntry(entry, files.get(entry.name));
      shown += entries.length;
    });
  }
  assert.ok(shown > 120, `only ${shown} files`);
});

/** Check that a page shows an entry's two files, and as many changed lines as `make diff` does. */
function checkEntry(entry, html) {
  const whole = ({ stage, name }) => linesOf(book().stage(stage), name);
  const { o, n } = shownTexts(html);
  assert.deepEqual(n, whole(entry.new), entry.name);
  assert.deepEqual(o, entry.old ? whole(entry.old) : [], entry.name);
  assert.equal((html.match(/<ins /g) ?? []).length, entry.added, `${entry.name}: added lines`);
  assert.equal((html.match(/<del /g) ?? []).length, entry.removed, `${entry.name}: removed lines`);
}

test('side by side, no two lines share a place, and each side keeps its order', () => {
  for (const [name, older, newer] of neighbours()) {
    for (const block of rendered(older, newer).split('<div class="block">').slice(1)) {
      for (const tag of ['del', 'ins']) {
        const rows = [...block.matchAll(new RegExp(`<(?:p class="note )?${tag}[ "][^>]*>`, 'g'))]
          .map(([line]) => Number(PLACE.exec(line)[1]));
        assert.ok(rows.every((row, at) => at === 0 || row > rows[at - 1]), `${name}: ${rows}`);
      }
    }
  }
});

// -- words ---------------------------------------------------------------------

test('lines that are alike are paired, and the words that differ are marked', () => {
  const older = ['    send(fd, data, size);', '    return true;'];
  const newer = ['    /* something else */', '    send(fd, data, size, MSG_NOSIGNAL);'];
  assert.deepEqual(pairs(older, newer), [[0, 1]]);
  assert.deepEqual(pairs(['    }'], ['}']), []);
  const [gone, come] = differences(older[0], newer[1]);
  assert.deepEqual(gone, []);
  assert.deepEqual(come.map(([start, end]) => newer[1].slice(start, end)), [', MSG_NOSIGNAL']);
});

test('a mark crosses no tag, and changes no text', () => {
  const html = '<span>if</span> (a &lt; <a href="#x">b</a>)';
  const marked = mark(html, [[3, 9]]);
  assert.equal(marked, '<span>if</span> <mark>(a &lt; </mark><a href="#x"><mark>b</mark></a>)');
  assert.equal(textOf(marked), textOf(html));
});

// -- moves ---------------------------------------------------------------------

const BLOCK = ['static bool is_idle(const Connection *connection)', '{',
  '    return connection->input.size == 0 && connection->output.size == 0;', '}'];

/** Return the moves between texts: an array of [older lines, newer lines]. */
function moves(...texts) {
  const edits = editsOf(texts);
  return findMoved(texts.map(([older, newer], at) => (
    { old: older, new: newer, edits: edits[at] })));
}

test('a block that goes to another file has moved', () => {
  const from = [['int a;', ...BLOCK], ['int a;']];
  const to = [['int b;'], ['int b;', '', ...BLOCK]];
  assert.deepEqual(moves(from, to), [{ from: { file: 0, line: 2 }, to: { file: 1, line: 3 },
    count: 4 }]);
});

test('an indented block has moved too; in its place only its spaces change', () => {
  const inner = ['log_line("idle: nothing is left to do");', 'timer_queue_clear(queue, timer);',
    'connection_end(connection, IDLE);'];
  const indented = inner.map((line) => `    ${line}`);
  const texts = [['f();', ...inner], ['if (x)', ...indented]];
  assert.deepEqual(moves([['a', ...inner], ['a']], [['b'], ['b', ...indented]])[0].count, 3);
  const files = [{ old: texts[0], new: texts[1], edits: editsOf([texts])[0] }];
  const [marks] = marksOf(findMoved(files), files, () => '#', () => 'there');
  assert.deepEqual([...marks.new.keys()], [2, 3, 4]);
  for (const { words } of marks.new.values()) assert.match(words, /only the spaces change/);
});

test('two lines, braces, and #include lines have not moved', () => {
  const includes = ['#include <errno.h>', '#include <stdbool.h>', '#include <stdlib.h>',
    '#include <string.h>', '#include <unistd.h>'];
  const braces = ['        return 0;', '    }', '}', ''];
  assert.deepEqual(moves([BLOCK.slice(2), []], [[], BLOCK.slice(2)]), []);
  assert.deepEqual(moves([includes, ['a']], [['b'], includes]), []);
  assert.deepEqual(moves([braces, ['a']], [['b'], braces]), []);
});

test('a line belongs to one move, the longest', () => {
  const found = moves([[...BLOCK, 'x', ...BLOCK, 'int tail_of_the_longer_one;'], []],
    [[], [...BLOCK, 'int tail_of_the_longer_one;']]);
  assert.deepEqual(found.map(({ from, count }) => [from.line, count]), [[6, 5]]);
});

// -- the words of the steps ----------------------------------------------------

test('each step has its words, and each item its step', () => {
  for (const way of JSON.parse(execFileSync('python3', [join(BOOK, 'steps.py')]))) {
    const stage = book().stage(way.stage);
    const { items } = readingOrder(read(`${stage.name}/README.md`));
    assert.deepEqual(disagreements(way.stage, way.steps, items), []);
    assert.ok(items.every(({ words }) => words), way.stage);
  }
});

test('a step without an item is found out, and an item without a step', () => {
  const items = [{ number: 1, title: 'a' }, { number: 2, title: 'b' }];
  const step = (title) => ({ title });
  assert.equal(disagreements('v00', [step('a'), step('b')], items).length, 0);
  assert.equal(disagreements('v00', [step('a')], items).length, 1);
  assert.equal(disagreements('v00', [step('a'), step('x')], items).length, 1);
  assert.equal(disagreements('v00', [step('a'), step('b'), step('c')], items).length, 1);
});

test('the last step of a stage says what comes next', async () => {
  const html = new Map((await stepPages(book())).map((page) => [page.path, page.html]));
  assert.match(html.get('v07/step/13.html'),
    /class="onward".*\n.*v07\/index.html#one-messages-way">One.*\n.*v08\/index.html/);
  assert.doesNotMatch(html.get('v07/step/12.html'), /class="onward"/);
});

test('a checkpoint stands before its first step, and an item keeps its paragraphs', () => {
  const found = readingOrder(`# x

## In which order to read

First this.

**Checkpoint 1: a.** Why?

1. **one**: two
   lines.

   - and a list
2. *two*, (more)

**Checkpoint 2: b.** How?

3. *three* (\`PART=3\`): last

The end.

## Next
`);
  assert.equal(found.intro, 'First this.');
  assert.deepEqual(found.items.map(({ before }) => before),
    ['**Checkpoint 1: a.** Why?', '', '**Checkpoint 2: b.** How?']);
  assert.deepEqual(found.items.map(({ words }) => words),
    ['Two\nlines.\n\n- and a list', '(more)', 'Last']);
  assert.equal(found.after, 'The end.');
  assert.equal(found.following, 'Next');
});

test('what a file gains and loses is counted', () => {
  const [edits] = editsOf([[['a', 'b', 'c'], ['a', 'x', 'y', 'c', 'd']]]);
  assert.deepEqual(counts(edits), { added: 3, removed: 1 });
});
