// One file through all stages, and one function.
import { groupBy } from '../lib/book.mjs';
import { editsOf } from '../lib/edits.mjs';
import { change, pairPath } from '../lib/pairs.mjs';
import { functionHistories, usersIn } from '../lib/functions.mjs';
import { codeHref, fileNames, nothing, versions } from '../lib/sources.mjs';
import { SCRIPTS, STYLES, TOOLS, bar, fileDiff, viewer } from '../lib/view.mjs';

/** Make a page for each file, a list of them, and a page for each function. */
export async function pages(book) {
  const names = fileNames(book);
  return [filesPage(book, names), ...names.map((name, at) => filePage(book, name, names, at)),
    ...functionPages(book)];
}

// -- all files -----------------------------------------------------------------

/** Make the table of all files: how many lines each has in each stage. */
function filesPage(book, names) {
  const head = book.stages.map((stage) => `<th scope="col" class="number">${stage.short}</th>`);
  const rows = names.map((name) => `<tr><th scope="row"><a href="@/file/${name}/index.html">`
    + `<code>${name}</code></a></th>${growthCells(book, name)}</tr>`);
  const html = `<h1>The files through the stages</h1>
<p>How many lines each file has in each stage. A file's name leads to its history. A number leads to
what changed in that stage; a dot says that nothing did.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Lines of each file in each stage">
<table class="growth"><thead><tr><th scope="col">File</th>${head.join('')}</tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div>`;
  return { path: 'file/index.html', title: 'The files through the stages', html, styles: STYLES };
}

/** Return a file's cells: lines where it is new or changed, a dot where it is the same. */
function growthCells(book, name) {
  const all = versions(book, name);
  return book.stages.map((stage) => {
    const at = all.findIndex(({ stages }) => stages.includes(stage));
    if (at < 0) return '<td></td>';
    const lines = all[at].source.text.length;
    if (all[at].first !== stage) {
      return `<td class="number muted"><span aria-hidden="true">·</span>`
        + `<span class="hidden-text">${lines}, unchanged</span></td>`;
    }
    const href = at === 0 ? codeHref(all[0].source)
      : `@/${pairPath({ name, from: all[at - 1], to: all[at] })}`;
    return `<td class="number"><a href="${href}">${lines}</a></td>`;
  }).join('');
}

// -- one file ------------------------------------------------------------------

/** Make the page of a file: its size in each stage, and each change of it. */
function filePage(book, name, names, at) {
  const all = versions(book, name);
  const steps = all.slice(1).map((to, index) => fileStep(book, name, all[index], to));
  const to = (other) => other && { href: `@/file/${other}/index.html`, title: other };
  const html = `<h1><code>${name}</code> <small>through the stages</small></h1>
${growth(book, name, all)}
${steps.length ? `${TOOLS}\n${viewer(steps.join('\n'))}`
    : '<p>Nothing of it changes after the stage that brings it.</p>'}`;
  return { path: `file/${name}/index.html`, title: `${name} through the stages`, html, toc: false,
    styles: STYLES, scripts: SCRIPTS, nav: { prev: to(names[at - 1]), next: to(names[at + 1]),
      up: { href: '@/file/index.html', title: 'all files' } } };
}

/** Return the table of a file's sizes, a row for each stage that has it. */
function growth(book, name, all) {
  const most = Math.max(...all.map(({ source }) => source.text.length));
  const rows = all.flatMap((version, at) => version.stages.map((stage) => {
    const lines = version.source.text.length;
    return `<tr><th scope="row"><a href="${codeHref({ stage, name })}">${stage.name}</a></th>`
      + `<td class="number">${lines}</td><td>${bar(lines / most)}</td>`
      + `<td>${growthWords(version, stage, all[at - 1])}</td></tr>`;
  }));
  return `<div class="scroll" tabindex="0" role="region" aria-label="Size in each stage">
<table class="sizes"><thead><tr><th scope="col">Stage</th><th scope="col" class="number">Lines</th>
<td></td><th scope="col">Change</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div>`;
}

/** Return what a stage does to a file. */
function growthWords(version, stage, before) {
  if (version.first !== stage) return `<span class="muted">same as ${version.first.short}</span>`;
  if (!before) return 'new';
  const again = version.as === version.first ? '' : `, as in ${version.as.short} again`;
  return `<a href="#from-${before.first.short}-to-${stage.short}">changed</a>${again}`;
}

/** Return the diff of a version to the next one; the lines between are on a page of their own. */
function fileStep(book, name, from, to) {
  const { pair } = change(book, name, from.first, to.first);
  const id = `from-${from.first.short}-to-${to.first.short}`;
  return fileDiff({ id, old: from.source, new: to.source, edits: pair.edits, skip: true,
    title: `${from.first.short} → ${to.first.short}`, status: '',
    links: [`<a href="@/${pairPath(pair)}">with all lines</a>`] });
}

// -- functions -----------------------------------------------------------------

/** Make a page for each function's name. */
function functionPages(book) {
  const histories = functionHistories(book);
  compareVersions(histories);
  const users = new Map(book.stages.map((stage) => [stage, usersIn(stage)]));
  return [...histories].map(([name, files]) => functionPage(name, files, users));
}

/** Compare each version of each function with the one before, in one run of git. */
function compareVersions(histories) {
  const steps = [...histories.values()].flatMap((files) => [...files.values()])
    .flatMap((all) => all.map((version, at) => ({ version, before: all[at - 1] })));
  const edits = editsOf(steps.map(({ version, before }) => (
    [before?.side.text ?? [], version.side.text])));
  steps.forEach(({ version }, at) => { version.edits = edits[at]; });
}

/** Make the page of a name: a part for each file that has such a function. */
function functionPage(name, files, users) {
  const parts = [...files].map(([file, all]) => functionPart(name, file, all, users));
  const html = `<h1><code>${name}</code> <small>through the stages</small></h1>
${files.size > 1 ? `<p>${files.size} files have a function of this name: ${[...files.keys()].map(
    (file) => `<a href="#${file}"><code>${file}</code></a>`).join(', ')}.</p>` : ''}
${TOOLS}
${parts.join('\n')}`;
  return { path: `function/${name}.html`, title: `${name} through the stages`, html, toc: false,
    styles: STYLES, scripts: SCRIPTS,
    nav: { up: { href: `@/file/${[...files.keys()][0]}/index.html`, title: 'the file' } } };
}

/** Return a function of one file: who uses it, its first text, and each change. */
function functionPart(name, file, all, users) {
  const diffs = all.map((version, at) => functionStep(name, file, version, all[at - 1]));
  const last = all.at(-1).items.at(-1);
  const stages = all.flatMap((version) => version.stages);
  const found = users.get(last.stage).get(`${file} ${name}`) ?? [];
  return `<h2 id="${file}">In <code>${file}</code></h2>
<p>${stages.length === 1 ? `Stage ${stages[0].short} has it.`
    : `From ${stages[0].short} to ${stages.at(-1).short}: ${all.length} `
      + `${all.length === 1 ? 'version' : 'versions'}.`} ${usedBy(found, last.stage, file)}</p>
${viewer(diffs.join('\n'))}`;
}

/** Return who uses a function in the last stage that has it, file by file. */
function usedBy(found, stage, own) {
  if (found.length === 0) return '';
  const link = (user) => `<a href="@/${stage.short}/code/${user.file}.html#${user.name}">`
    + `<code>${user.name}</code></a>`;
  const parts = [...groupBy(found, ({ file }) => file)].map(([file, users]) => (
    `${file === own ? '' : `in <code>${file}</code> `}by ${users.map(link).join(', ')}`));
  return `Used in ${stage.short} ${parts.join('; ')}.`;
}

/** Return a version of a function: whole when it is the first, else as what changed. */
function functionStep(name, file, { side, stages, first, as, edits }, before) {
  const words = [as === first ? '' : `as in ${as.short} again`, stages.length === 1 ? ''
    : `the same in ${stages.slice(1).map(({ short }) => short).join(', ')}`].filter(Boolean);
  return fileDiff({ id: `${file}-${first.short}`, level: 3, folds: false, edits, new: side,
    old: before?.side ?? nothing(first, file), status: words.join('; '),
    label: `${name} in ${first.short}`, href: `${codeHref(side)}#${name}`,
    title: before ? `${before.first.short} → ${first.short}` : first.short });
}
