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
  return { path: `${stage.short}/index.html`, title: stage.name, stage: stage.short, html,
    search: sections(html),
    nav: { prev: linkTo(book.stages[stage.number - 2]), next: linkTo(book.stages[stage.number]),
      up: { href: '@/index.html', title: 'the course' } } };
}
