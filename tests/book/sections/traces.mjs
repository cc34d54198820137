// Scenes to step through: what a server really did, call by call, beside the lines that did it.
// tests/trace records them; these pages show them. Without JavaScript a page is the whole list of
// calls, each a link to its line. trace.js makes of the same list something to step through.

import { escape } from '../lib/html.mjs';
import { lines } from '../lib/code.mjs';
import { recordings, sceneName } from '../lib/recordings.mjs';

/** Return the page of each scene, and one that lists them. No recordings: no pages. */
export async function pages(book) {
  return scenePages(book, recordings(book));
}

/** Return the pages of these recordings. */
export function scenePages(book, traces) {
  if (traces.length === 0) return [];
  const scenes = traces.map((trace) => scene(book, trace));
  const index = { path: 'trace/index.html', title: 'Traces', html: listOf(book, scenes),
    styles: ['trace.css'], search: [] };
  return [index, ...scenes.map((one, at) => page(book, one, scenes[at - 1], scenes[at + 1]))];
}

function scene(book, trace) {
  const stage = book.stages.find((one) => one.name === trace.stage);
  return { ...trace, stage, path: `trace/${sceneName(trace)}.html`,
    title: `${stage.short}: ${trace.scene}` };
}

function listOf(book, scenes) {
  const stages = book.stages.filter((stage) => scenes.some((one) => one.stage === stage));
  return `<h1>Traces</h1>
<p>What a server really did in a small scene, function by function and system call by system call.
Each scene was recorded from the stage's own program. Step through it by keys: the line of code
stands on one side, who calls whom on the other.</p>
${stages.map((stage) => listOfStage(stage, scenes)).join('\n')}`;
}

function listOfStage(stage, scenes) {
  const own = scenes.filter((one) => one.stage === stage);
  const rows = own.map((one) => `<li><a href="@/${one.path}">${escape(one.scene)}</a>` +
    `<span>${escape(sentence(one.what))}</span><span class="count">${calls(one)}</span></li>`);
  return `<h2 id="${stage.short}"><a href="@/${stage.short}/index.html">${stage.name}</a></h2>
<ul class="scenes">
${rows.join('\n')}
</ul>`;
}

function sentence(words) {
  return `${words[0].toUpperCase()}${words.slice(1).replace(/\.$/, '')}.`;
}

function calls(one) {
  const count = one.events.filter((event) => event.kind === 'call').length;
  const threads = one.threads.length > 1 ? `, ${one.threads.length} threads` : '';
  return `${one.program}, ${count} calls${threads}`;
}

function page(book, one, before, after) {
  const link = (other) => other && { href: `@/${other.path}`, title: other.title };
  const names = new Set(one.events.map((event) => event.name ?? event.text));
  return {
    path: one.path, title: `Trace of ${one.title}`, html: body(book, one), stage: one.stage.short,
    styles: ['trace.css'], scripts: ['trace.js'],
    search: [{ kind: 'Traces', title: `Trace of ${one.title}`,
      text: `${one.what} ${[...names].join(' ')}` }],
    nav: { prev: link(before), next: link(after),
      up: { href: '@/trace/index.html', title: 'Traces' } },
  };
}

function body(book, one) {
  return `<h1>Trace of ${escape(one.title)}</h1>
<p class="trace-what">${escape(sentence(one.what))}
<span class="count">${calls(one)}. +3: so many small calls are left out.</span></p>
<div class="trace" data-steps="${one.events.length}">
${controls(one.events.length)}
<p class="trace-now" role="status" hidden></p>
<div class="trace-code" hidden>
<div class="trace-stacks"></div>
${codeBox('calls', 'The line that calls')}
${codeBox('called', 'What it calls')}
</div>
<section class="trace-tree" aria-labelledby="tree-title">
<h2 id="tree-title">Who calls whom</h2>
${threadNames(one)}
<ol class="trace-events" tabindex="0" aria-labelledby="tree-title">
${rows(one).join('\n')}
</ol>
</section>
</div>
${bodies(book, one)}`;
}

function controls(steps) {
  return `<div class="trace-bar" role="group" aria-label="Steps" hidden>
<button type="button" data-do="previous" title="Previous step (←, ↑ or p)">← Back</button>
<button type="button" data-do="next" title="Next step (→, ↓ or n)">Step →</button>
<button type="button" data-do="over" title="Step over: skip what it calls (o)">Over ↷</button>
<button type="button" data-do="play" title="A step each second" aria-pressed="false">Play</button>
<label>Step <input type="range" min="1" max="${steps}" value="1"></label>
<output>1 of ${steps}</output>
<p class="trace-keys">Keys: <kbd>→</kbd> <kbd>↓</kbd> <kbd>n</kbd> step, <kbd>←</kbd>
<kbd>↑</kbd> <kbd>p</kbd> back, <kbd>o</kbd> over, <kbd>Home</kbd> <kbd>End</kbd></p>
</div>`;
}

function codeBox(kind, title) {
  return `<section class="trace-${kind}" aria-label="${title}">
<h2><span class="kind">${title}</span> <a class="where" href="#"></a></h2>
<div class="scroll" tabindex="0" role="region" aria-label="${title}: code"></div>
</section>`;
}

function threadNames(one) {
  if (one.threads.length < 2) return '';
  const names = one.threads.map((thread) => `<li class="thread-${colour(thread.id)}">` +
    `${escape(thread.name)}</li>`);
  return `<ul class="trace-threads" aria-label="Threads">${names.join('')}</ul>`;
}

// Six colours; a seventh thread begins again. Its name stands beside it in any case.
function colour(thread) {
  return thread % 6;
}

function rows(one) {
  let last = null;
  return one.events.map((event, index) => {
    const changed = event.kind === 'call' && event.thread !== last && one.threads.length > 1;
    if (event.kind === 'call') last = event.thread;
    return event.kind === 'client' ? clientRow(event, index + 1)
      : callRow(one, event, index + 1, changed);
  });
}

function clientRow(event, step) {
  return `<li id="${step}" class="client" data-text="${escape(event.text)}">` +
    `${escape(event.text)}</li>`;
}

function callRow(one, event, step, changed) {
  const { at, file, line } = event;
  const thread = one.threads.find((each) => each.id === event.thread)?.name ?? '';
  const own = {
    thread: event.thread, depth: event.depth, name: event.name, caller: event.caller ?? '',
    from: at ? functionAt(one.stage, at)?.key ?? '' : '', line: at?.line ?? '',
    to: file ? functionAt(one.stage, { file, line })?.key ?? '' : '',
    'thread-name': one.threads.length > 1 ? thread : '',
  };
  const data = Object.entries(own).filter(([, value]) => value !== '')
    .map(([key, value]) => `data-${key}="${escape(String(value))}"`).join(' ');
  const kind = event.system ? ' system' : '';
  const label = changed ? `<span class="thread">${escape(thread)}</span>` : '';
  return `<li id="${step}" class="call thread-${colour(event.thread)}${kind}"` +
    ` style="--depth:${event.depth}" ${data}>${label}${callText(one.stage, event)}</li>`;
}

function callText(stage, event) {
  const { name, file, line, at, result, folded } = event;
  const args = event.arguments ?? '';
  const shown = `${escape(name)}<span class="args">(${escape(args)})</span>`;
  const target = file ? href(stage, file, line) : at ? href(stage, at.file, at.line) : null;
  const link = target ? `<a class="name" href="${target}">${shown}</a>`
    : `<span class="name">${shown}</span>`;
  const from = at ? ` <a class="at" href="${href(stage, at.file, at.line)}">` +
    `${escape(at.file)}:${at.line}</a>` : '';
  const gave = result ? ` <span class="result">→ ${escape(result)}</span>` : '';
  const left = folded ? ` <span class="folded">${leftOut(event)}</span>` : '';
  return link + gave + repeated(event) + left + from;
}

function leftOut({ name, folded }) {
  return name === 'main' ? `its start, ${folded} calls, is left out`
    : `+${folded}<span class="hidden-text"> calls left out</span>`;
}

// Calls that repeat as a row of several are told once: `times` is how often, `row` which of them.
function repeated({ times = 1, row = [1, 1] }) {
  if (times < 2) return '';
  const part = row[1] > 1 ? ` (${row[0]} of ${row[1]})` : '';
  return ` <span class="times">× ${times}${part}</span>`;
}

function href(stage, file, line) {
  return `@/${stage.short}/code/${file}.html#L${line}`;
}

function functionAt(stage, { file, line }) {
  const found = stage.functions.find((one) =>
    one.file === file && one.line <= line && line <= one.last);
  return found && {...found, key: `${file}:${found.name}`};
}

// Each function that is shown stands once in the page; a template weighs nothing on the reader.
function bodies(book, one) {
  const shown = new Map();
  for (const event of one.events) {
    const places = [event.at, event.file && { file: event.file, line: event.line }];
    for (const place of places.filter(Boolean)) {
      const found = functionAt(one.stage, place);
      if (found) shown.set(found.key, found);
    }
  }
  return [...shown.values()].map((each) => template(book, one.stage, each)).join('\n');
}

function template(book, stage, { key, file, line, last, name }) {
  const rows = lines(stage.short, file).slice(line - 1, last).map((text, index) =>
    `<span class="line" data-line="${line + index}"><span class="n" data-n="${line + index}">` +
    `</span>${text}\n</span>`);
  return `<template data-key="${escape(key)}" data-title="${escape(`${file}: ${name}`)}"` +
    ` data-href="${href(stage, file, line)}"><pre class="code numbered"><code>` +
    `${rows.join('')}</code></pre></template>`;
}
