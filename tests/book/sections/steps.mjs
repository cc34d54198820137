// The way from each stage to the next, step by step: the README's words beside the hunks.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { BOOK, read } from '../lib/book.mjs';
import { editsOf } from '../lib/edits.mjs';
import { escape, slug } from '../lib/html.mjs';
import { render } from '../lib/markdown.mjs';
import { findMoved, marksOf } from '../lib/moved.mjs';
import { disagreements, readingOrder } from '../lib/order.mjs';
import { codeHref, codeLink, countsHtml, nothing, source } from '../lib/sources.mjs';
import { SCRIPTS, STEP_TOOLS, STYLES, TOOLS, fileDiff, historyLink, viewer }
  from '../lib/view.mjs';

/** Make a page for each step of each stage, and a list of the steps for each stage. */
export async function pages(book) {
  const ways = JSON.parse(execFileSync('python3', [join(BOOK, 'steps.py')], { encoding: 'utf8' }))
    .map((way) => prepared(way, book));
  const wrong = ways.flatMap((way) => disagreements(way.stage.short, way.steps, way.order.items));
  if (wrong.length) throw new Error(wrong.join('\n'));
  compare(ways);
  const walk = ways.flatMap((way) => way.steps);
  const made = await Promise.all(ways.flatMap((way) => [listPage(way, ways),
    ...way.steps.map((step) => stepPage(step, walk, book))]));
  return made;
}

/** Return a stage's steps with all that their pages need. */
function prepared(facts, book) {
  const way = { ...facts, stage: book.stage(facts.stage), before: facts.before
    && book.stage(facts.before) };
  way.order = readingOrder(read(`${way.stage.name}/README.md`));
  way.steps = facts.steps.map((step, at) => ({ ...step, way, number: at + 1,
    item: way.order.items[at], entries: step.entries.map((entry) => prepareEntry(entry, book)) }));
  way.path = `${way.stage.short}/step/index.html`;
  return way;
}

/** Return an entry with the two texts that it compares. */
function prepareEntry(entry, book) {
  const after = source(book.stage(entry.new.stage), entry.new.name);
  const old = entry.old ? source(book.stage(entry.old.stage), entry.old.name)
    : nothing(after.stage, entry.name);
  return { ...entry, old, new: after };
}

/** Find what changes in each entry, and what moves within each stage. */
function compare(ways) {
  const entries = ways.flatMap((way) => way.steps.flatMap((step) => step.entries.map((entry) => {
    entry.step = step;
    return entry;
  })));
  const edits = editsOf(entries.map((entry) => [entry.old.text, entry.new.text]));
  entries.forEach((entry, at) => { entry.edits = edits[at]; });
  for (const way of ways) markMoved(way);
}

/** Mark the lines that move between the parts of a stage; programs beside others move nothing. */
function markMoved(way) {
  const entries = way.steps.flatMap((step) => step.entries)
    .filter((entry) => entry.status !== 'sibling');
  const files = entries.map((entry) => (
    { old: entry.old.text, new: entry.new.text, edits: entry.edits }));
  const name = ({ file, line }) => `${entries[file].name}, line ${line} `
    + `(step ${entries[file].step.number})`;
  const href = ({ file }, side, id) => `@/${stepPath(entries[file].step)}#${id}`;
  const marks = marksOf(findMoved(files), files, href, name);
  entries.forEach((entry, at) => { entry.moved = marks[at]; });
}

// -- the list of a stage's steps -----------------------------------------------

/** Make the page with the list of a stage's steps. */
async function listPage(way, ways) {
  const { stage, before, order } = way;
  const from = `${stage.name}/README.md`;
  const title = before ? `From ${before.short} to ${stage.short}` : `The steps of ${stage.short}`;
  const items = await Promise.all(way.steps.map((step) => listItem(step, from)));
  const after = order.after.split(/^#/m)[0].trim();
  const html = `<h1>${title} <small>${stage.name}</small></h1>
<div class="ways">${stepsBar(way, 0)}
${before ? '' : TOOLS}</div>
${summary(way)}
${before ? await render(order.intro, from)
    : wholeProgram(stage, await render(order.intro, from))}
<h2 id="steps">The steps</h2>
<ol class="plan">
${items.join('\n')}
</ol>
${after ? await render(after, from) : ''}
${unread(way)}
<p>More about it is in <a href="@/${stage.short}/index.html#in-which-order-to-read">the README of
${stage.short}</a>.</p>`;
  return { path: way.path, title, stage: stage.short, toc: false, html, styles: STYLES,
    scripts: SCRIPTS, nav: listNav(way, ways) };
}

/** Return what is before, above and after a list: the walk goes through the steps. */
function listNav(way, ways) {
  const before = ways[ways.indexOf(way) - 1];
  return { prev: before && linkTo(before.steps.at(-1)), next: linkTo(way.steps[0]),
    up: { href: `@/${way.stage.short}/index.html`, title: way.stage.name } };
}

/** Return how much there is to read. */
function summary(way) {
  const entries = way.steps.flatMap((step) => step.entries);
  return `<p class="lead">${entries.length} files to read in ${way.steps.length} steps,
${countsHtml(total(entries))} lines.</p>`;
}

/** Return the sum of the lines that entries add and remove. */
function total(entries) {
  const sum = (name) => entries.reduce((all, entry) => all + entry[name], 0);
  return { added: sum('added'), removed: sum('removed') };
}

/** Return the first stage's program, whole, beside the words about it. */
function wholeProgram(stage, words) {
  const program = source(stage, 'echo_server.c');
  const edits = editsOf([[[], program.text]])[0];
  return viewer(fileDiff({ old: nothing(stage, program.name), new: program, edits,
    status: 'the whole program', links: [historyLink(program.name)] }), words);
}

/** Return a step in the list: its title, its words, its files; above it its checkpoint. */
async function listItem(step, from) {
  const files = step.entries.map((entry) => `<li><a href="@/${stepPath(step)}#${entry.name}">`
    + `<code>${entry.name}</code></a> <span class="status">${statusOf(entry)}</span> `
    + `${countsHtml(entry)}</li>`);
  return `<li value="${step.number}">${await checkpoint(step, from)}
<h3 id="step-${step.number}"><a href="@/${stepPath(step)}">${step.number}.
${escape(capital(step.title))}</a> ${countsHtml(total(step.entries))}</h3>
<div class="words">${await render(step.item.words, from)}</div>
<ul class="files">${files.join('\n')}</ul></li>`;
}

/** Return the checkpoint that begins with a step. */
async function checkpoint(step, from) {
  const { before } = step.item;
  return before ? `<div class="checkpoint">${await render(before, from)}</div>` : '';
}

/** Return what an entry is, in words. */
function statusOf(entry) {
  if (entry.status !== 'sibling') return entry.status === 'added' ? 'new' : 'changed';
  return `new, beside <code>${entry.old.name}</code>`;
}

/** Return the names of the files that go, and of those that stay as they are. */
function unread({ gone, same, stage, before }) {
  const link = (from) => (name) => codeLink({ stage: from, name });
  const part = (words, names) => (names.length ? `<p>${words} ${names.join(', ')}</p>` : '');
  const rest = part('Gone, not shown:', gone.map((entry) => entry.name).map(link(before)))
    + part(`Unchanged, ${same.length} files:`, same.map(link(stage)));
  return rest && `<h2 id="not-read">What is not to be read again</h2>\n${rest}`;
}

// -- a step --------------------------------------------------------------------

/** Return the path of a step's page. */
function stepPath({ way, number }) {
  return `${way.stage.short}/step/${number}.html`;
}

/** Return the link to a step; undefined when there is none. */
function linkTo(step) {
  return step && { href: `@/${stepPath(step)}`,
    title: `${step.way.stage.short}, step ${step.number}: ${step.title}` };
}

/** Make a step's page: its words, and the diffs of its files. */
async function stepPage(step, walk, book) {
  const { way } = step;
  const from = `${way.stage.name}/README.md`;
  const words = await render(step.item.words, from);
  const html = `<p class="crumb">${crumb(step)}</p>
<h1>${step.number}. ${escape(capital(step.title))}</h1>
<div class="ways">${stepsBar(way, step.number)}
${STEP_TOOLS}</div>
${viewer(step.entries.map(entryDiff).join('\n'), await beside(step, words, from))}
${await question(step, from)}${onward(step, book)}`;
  const at = walk.indexOf(step);
  return { path: stepPath(step), title: `${way.stage.short}, step ${step.number}: ${step.title}`,
    stage: way.stage.short, toc: false, styles: STYLES, scripts: SCRIPTS, html,
    search: [{ title: step.title, text: words, stage: way.stage.short }],
    nav: { prev: linkTo(walk[at - 1]), next: linkTo(walk[at + 1]),
      up: { href: `@/${way.path}`, title: `the steps of ${way.stage.short}` } } };
}

/** Return a title as it stands alone. */
function capital(title) {
  return title[0].toUpperCase() + title.slice(1);
}

/** Return where a step stands. */
function crumb({ way, number }) {
  const from = way.before ? `${way.before.name} → ` : '';
  return `<a href="@/${way.path}">${from}${way.stage.name}</a>, `
    + `step ${number} of ${way.steps.length}`;
}

/** Return the row of a stage's steps, with the reader's own marked. */
function stepsBar(way, here) {
  const item = (step) => `<li><a href="@/${stepPath(step)}" title="${escape(step.title)}"`
    + `${step.number === here ? ' aria-current="page"' : ''}>`
    + `<span class="hidden-text">Step </span>${step.number}</a></li>`;
  const list = `<li><a href="@/${way.path}"${here ? '' : ' aria-current="page"'}>List</a></li>`;
  return `<nav class="steps" aria-label="Steps"><ol class="row">${list}
${way.steps.map(item).join('\n')}</ol></nav>`;
}

/** Return what stands beside a step's diffs: its checkpoint, its words, its files. */
async function beside(step, words, from) {
  const files = step.entries.map((entry) => `<li><a href="#${entry.name}">`
    + `<code>${entry.name}</code></a> ${countsHtml(entry)}</li>`);
  return `${await checkpoint(step, from)}<div class="words">${words}</div>
${files.length > 1 ? `<ul class="files">${files.join('\n')}</ul>` : ''}`;
}

/** Return an entry's diff. */
function entryDiff(entry) {
  const links = [historyLink(entry.name)];
  if (entry.status !== 'added') {
    links.unshift(`<a href="${codeHref(entry.old)}">${entry.old.name} of `
      + `${entry.old.stage.short}</a>`);
  }
  return fileDiff({ ...entry, status: statusOf(entry), links });
}

/** Return the checkpoint's question again, below the last of its steps. */
async function question(step, from) {
  const { steps } = step.way;
  const next = steps[step.number];
  const own = steps.slice(0, step.number).reverse().find(({ item }) => item.before);
  if (!own || own === step || (next && !next.item.before)) return '';
  return `<div class="checkpoint end">${await render(own.item.before, from)}
<p>Answer before you go on.</p></div>`;
}

/** Return what to do after the last step of a stage. */
function onward({ way, number }, book) {
  if (number < way.steps.length) return '';
  const { short, number: at } = way.stage;
  const next = book.stages[at];
  const place = (words, path) => `<a href="@/${path}">${escape(words)}</a>`;
  const { following } = way.order;
  return `<p class="onward">That was the last step of ${short}. Read on in its README at
${place(following, `${short}/index.html#${slug(following)}`)}. Then come
${place('its exercises', `exercises/index.html#${short}`)}${
    next ? ` and ${place(next.name, `${next.short}/index.html`)}` : ''}.</p>`;
}
