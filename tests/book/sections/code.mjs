// The code of each stage: highlighted, numbered, each call a link to what is called.
import { groupBy, read } from '../lib/book.mjs';
import { languageOf, lines, linesOf } from '../lib/code.mjs';
import { escape } from '../lib/html.mjs';

/** Make a page for each file of each stage, and a list of the files. */
export async function pages(book) {
  const made = book.stages.flatMap((stage) => [listOf(stage),
    ...stage.files.map((file, at) => pageOf(stage, file, at))]);
  made[0].search = functionEntries(book);
  return made;
}

/** Return an entry of the search for each function of a file, whichever stages have it there. */
function functionEntries(book) {
  const all = book.stages.flatMap((stage) => stage.functions.map((f) => ({ ...f, stage })));
  return [...groupBy(all, (f) => `${f.file} ${f.name}`).values()].map((found) => {
    const stages = found.map((f) => f.stage.short);
    const { name, file } = found[0];
    return { title: name, kind: 'Functions', text: file, stages,
      path: `${stages[stages.length - 1]}/code/${file}.html`, anchor: name };
  });
}

function listOf(stage) {
  const row = (file) => `<tr><td><a href="@/${stage.short}/code/${file.name}.html">`
    + `<code>${file.name}</code></a></td><td class="number">${file.lines}</td>`
    + `<td>${functionsOf(stage, file).map((f) => nameOf(stage, f)).join(', ')}</td></tr>`;
  const html = `<h1>The code of ${stage.short}</h1>
<p>${stage.files.length} files, in the order in which to read them: parts from the ground up,
programs last.</p>
<div class="scroll" tabindex="0" role="group" aria-label="The files">
<table><thead><tr><th>File</th><th class="number">Lines</th><th>Functions</th></tr></thead><tbody>
${stage.files.map(row).join('\n')}
</tbody></table></div>`;
  return { path: `${stage.short}/code/index.html`, title: `The code of ${stage.short}`,
    stage: stage.short, html,
    nav: { up: { href: `@/${stage.short}/index.html`, title: stage.name } } };
}

function functionsOf(stage, file) {
  return stage.functionsOf.get(file.name) ?? [];
}

function nameOf(stage, found) {
  return `<a href="@/${stage.short}/code/${found.file}.html#${found.name}">`
    + `<code>${found.name}</code></a>`;
}

function pageOf(stage, file, at) {
  const functions = functionsOf(stage, file);
  const to = (other) => other && { href: `@/${stage.short}/code/${other.name}.html`,
    title: other.name };
  return { path: `${stage.short}/code/${file.name}.html`, title: `${file.name} of ${stage.short}`,
    stage: stage.short, toc: false,
    html: `<h1><code>${file.name}</code> <small>${stage.short}</small></h1>\n`
      + `${above(stage, file, functions)}${codeOf(stage, file, functions)}`,
    nav: { prev: to(stage.files[at - 1]), next: to(stage.files[at + 1]),
      up: { href: `@/${stage.short}/code/index.html`, title: `the code of ${stage.short}` } } };
}

/** Return what stands above the code: other ways to see the file, and its functions. */
function above(stage, file, functions) {
  const stem = file.name.replace(/\.[ch]$/, '');
  const twin = stage.files.find((other) => other.name !== file.name
    && /\.[ch]$/.test(other.name) && other.name.replace(/\.[ch]$/, '') === stem);
  const links = [`<a href="@/file/${file.name}/index.html">This file through the stages</a>`];
  if (twin) links.push(`<a href="@/${stage.short}/code/${twin.name}.html">${twin.name}</a>`);
  const list = functions.map((f) => `<li><a href="#${f.name}"><code>${f.name}</code></a></li>`);
  return `<p>${links.join(' · ')}</p>\n${list.length === 0 ? ''
    : `<nav aria-label="Functions"><ul class="functions">\n${list.join('\n')}\n</ul></nav>\n`}`;
}

function codeOf(stage, file, functions) {
  const html = lines(stage.short, file.name)
    .map((line, at) => numbered(line, at + 1, definedOn(functions, line, at + 1)));
  return `<pre class="code numbered" tabindex="0"><code>${html.join('')}</code></pre>`;
}

/** Return the function whose name stands on this line, in the head of its definition. */
function definedOn(functions, line, number) {
  return functions.find((f) => f.line <= number && number < f.line + 3 && number <= f.last
    && line.includes(`#${f.name}">${f.name}</a>`) && !f.placed && (f.placed = number))
    ?? functions.find((f) => f.placed === number);
}

/** Return a line of code with its number and its anchor; a definition has its name as one too. */
export function numbered(line, number, defined) {
  const id = `L${number}`;
  const at = `<a class="n" href="#${id}" tabindex="-1" aria-hidden="true" data-n="${number}"></a>`;
  if (!defined) return `<span class="line" id="${id}">${at}${line}\n</span>`;
  const name = escape(defined.name);
  const own = line.replace(`">${name}</a>`, `" id="${name}" class="defined">${name}</a>`);
  return `<span class="line" id="${id}">${at}${own}<a class="beside" `
    + `href="@/function/${name}.html" aria-label="${name} through the stages">through the stages`
    + '</a>\n</span>';
}

/** Return any file's text as numbered lines. */
export function numberedFile(path, link = null) {
  const html = linesOf(read(path), languageOf(path), link)
    .map((line, at) => numbered(line, at + 1, null));
  return `<pre class="code numbered" tabindex="0"><code>${html.join('')}</code></pre>`;
}
