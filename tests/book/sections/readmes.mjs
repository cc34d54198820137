// The READMEs of the repository and of its stages.
import { read } from '../lib/book.mjs';
import { render, sections } from '../lib/markdown.mjs';

const GLOSSARY = /^## Glossary\n[\s\S]*?(?=^## )/m;
const SHORTER = '## Glossary\n\n'
  + 'The words of the course are [on a page of their own](@/glossary.html).\n\n';

/** Make the front page and a page for each stage. */
export async function pages(book) {
  const stages = await Promise.all(book.stages.map((stage) => ofStage(stage, book)));
  return [await front(book), ...stages];
}

/** Return a README's HTML with the way to the steps, where it says in which order to read. */
export function withSteps(html, stage) {
  const heading = /<h2 id="in-which-order-to-read">.*?<\/h2>/;
  if (!heading.test(html)) throw new Error(`${stage.name}: no "In which order to read"`);
  return html.replace(heading, `$&\n<p class="onward"><a href="@/${stage.short}/step/index.html">`
    + 'Read it step by step</a>: the same words, each beside the code that it speaks of.</p>');
}

function linkTo(stage) {
  return stage && { href: `@/${stage.short}/index.html`, title: stage.name };
}

async function front(book) {
  const html = await render(read('README.md').replace(GLOSSARY, SHORTER), 'README.md');
  return { path: 'index.html', title: 'A TCP server in ten stages', html, search: sections(html),
    nav: { next: linkTo(book.stages[0]) } };
}

async function ofStage(stage, book) {
  const html = await render(read(`${stage.name}/README.md`), `${stage.name}/README.md`);
  return { path: `${stage.short}/index.html`, title: stage.name, stage: stage.short,
    html: withSteps(html, stage),
    search: sections(html),
    nav: { prev: linkTo(book.stages[stage.number - 2]), next: linkTo(book.stages[stage.number]),
      up: { href: '@/index.html', title: 'the course' } } };
}
