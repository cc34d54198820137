// The exercises: tasks and hints. Answers and notes for teachers never come here.
import { groupBy } from '../lib/book.mjs';
import { escape, plain } from '../lib/html.mjs';
import { render } from '../lib/markdown.mjs';

const COMMANDS = [
  ['try', 'a copy for you in <code>mine/</code>; then: build it and check it'],
  ['watch', 'the same at each save, until it passes'],
  ['hint', 'the next hint'],
  ['answer', 'once it has passed: the solution beside your copy'],
];

/** Make the list of the exercises, and a page for each. */
export async function pages(book) {
  const each = await Promise.all(book.exercises.map((one, at) => pageOf(one, at, book)));
  return [await list(book), ...each];
}

function hrefOf(exercise) {
  return `@/exercises/${exercise.stage}/${exercise.name}.html`;
}

async function list(book) {
  const groups = groupBy(book.exercises, (one) => one.stage);
  const parts = [];
  for (const stage of book.stages) {
    parts.push(await ofStage(stage, groups.get(stage.short) ?? []));
  }
  const minutes = book.exercises.reduce((sum, one) => sum + one.minutes, 0);
  return { path: 'exercises/index.html', title: 'Exercises', html: `<h1>Exercises</h1>
<p>${book.exercises.length} exercises, ${Math.round(minutes / 60)} hours in all. <em>build</em>: add
something to a stage. <em>find</em>: your copy has a mistake that real servers had.
<em>predict</em>: write numbers down before you run anything.</p>
${parts.join('\n')}` };
}

async function ofStage(stage, exercises) {
  const rows = await Promise.all(exercises.map(async (one) => `<tr><td><a href="${hrefOf(one)}">`
    + `${escape(one.title)}</a><br><small class="muted">${one.kind}, ${one.minutes} minutes</small>`
    + `</td><td>${await inline(one.line, one)}</td></tr>`));
  return `<h2 id="${stage.short}">${stage.name}</h2>
<div class="scroll" tabindex="0" role="group" aria-label="Exercises of ${stage.short}">
<table class="exercises"><thead><tr><th scope="col">Exercise</th>
<th scope="col">What it is about</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div>`;
}

function readmeOf(exercise) {
  return `${exercise.folder}/README.md`;
}

async function inline(words, exercise) {
  return (await render(words, readmeOf(exercise))).replace(/^<p>|<\/p>\s*$/g, '');
}

/** Return the link to an exercise; undefined when there is none. */
function to(exercise) {
  return exercise && { href: hrefOf(exercise), title: exercise.title };
}

/** Return what comes after an exercise: the stage's next one, or the next stage. */
function nextOf(exercise, at, book) {
  const other = book.exercises[at + 1];
  if (!other || other.stage === exercise.stage) return to(other);
  const next = book.stages[book.stage(exercise.stage).number];
  return { href: `@/${next.short}/index.html`, title: next.name };
}

async function pageOf(exercise, at, book) {
  const task = await render(exercise.task, readmeOf(exercise));
  const html = `${task}
${await questions(exercise)}<h2 id="commands">Commands</h2>
<dl class="commands">
${COMMANDS.map(([verb, words]) => `<dt><code>make ${verb}-${exercise.name}</code></dt>`
    + `<dd>${words}</dd>`).join('\n')}
</dl>
${await hints(exercise)}`;
  return { path: `exercises/${exercise.stage}/${exercise.name}.html`, title: exercise.title,
    stage: exercise.stage, html, toc: false,
    search: [{ title: exercise.title, text: `${exercise.name} ${exercise.kind}. `
      + `${exercise.line}. ${plain(task)}` }],
    nav: { prev: to(book.exercises[at - 1]), next: nextOf(exercise, at, book),
      up: { href: `@/exercises/index.html#${exercise.stage}`, title: 'all exercises' } } };
}

async function questions(exercise) {
  if (exercise.questions.length === 0) return '';
  const items = await Promise.all(exercise.questions.map((ask) => inline(ask, exercise)));
  return `<h2 id="questions">The questions in <code>predict.txt</code></h2>
<ol>\n${items.map((item) => `<li>${item}</li>`).join('\n')}\n</ol>\n`;
}

/** Return the hints, each within the one before: so they unfold one by one. */
async function hints(exercise) {
  const bodies = await Promise.all(exercise.hints.map((hint) => render(hint, readmeOf(exercise))));
  const nested = bodies.reduceRight((inner, body, at) => `<details><summary>Hint ${at + 1} of `
    + `${bodies.length}</summary>\n${body}${inner}</details>\n`, '');
  return nested && `<h2 id="hints">Hints</h2>\n<div class="hints">\n${nested}</div>`;
}
