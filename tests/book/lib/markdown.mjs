// Markdown as the book shows it: GitHub's anchors, links to pages, names of functions linked.
import MarkdownIt from 'markdown-it';
import { book } from './book.mjs';
import { functionHref, highlight, meantFunction } from './code.mjs';
import { escape, slug } from './html.mjs';
import { address, copyOf } from './repository.mjs';

const PICTURES = /\.(svg|png|jpe?g|gif|webp)$/i;
const NAMED = ['c', 'diff', 'text', 'gdb', ''];
// The lines of a program that a shell command hands to Python.
const HEREDOC = /(?<=^.*python3 - .*<<'END'.*\n)([\s\S]*?)(?=^END$)/m;
const LANGUAGES = { sh: 'bash', console: 'bash', text: 'plaintext', make: 'makefile' };

/** Return the Markdown as HTML; `from` is the file of the repository that it stands in. */
export async function render(text, from, options = {}) {
  const stage = options.stage ? book().stage(options.stage) : book().stage(from);
  const state = { from, stage, slugs: new Map(), diagrams: [], heading: '' };
  const html = renderer(state).render(text);
  return drawn(html.replace(/<th[^>]*><\/th>/g, '<td></td>'), state.diagrams);
}

function renderer(state) {
  const md = new MarkdownIt({ html: true });
  const { rules } = md.renderer;
  rules.fence = (tokens, at) => fence(tokens[at], state);
  rules.code_block = (tokens, at) => codeBox(tokens[at].content, '', state);
  rules.code_inline = (tokens, at) => inlineCode(tokens, at, state);
  rules.heading_open = (tokens, at) => headingOpen(tokens, at, state);
  rules.link_open = (tokens, at) => `<a href="${escape(linkOf(tokens[at], state))}">`;
  rules.table_open = () => `<div class="scroll" tabindex="0" role="group" `
    + `aria-label="Table: ${escape(state.heading)}">\n<table>\n`;
  rules.table_close = () => '</table>\n</div>\n';
  rules.image = (tokens, at) => image(tokens[at], state);
  return md;
}

// -- links -------------------------------------------------------------------

function isOutside(link) {
  return /^[a-z][a-z+.-]*:/i.test(link);
}

function linkOf(token, state) {
  const link = token.attrGet('href');
  if (isOutside(link) || link.startsWith('@/')) return link;
  if (PICTURES.test(link)) return pictureOf(link, state);
  return link.startsWith('#') && !state.from.endsWith('.md') ? link : address(link, state.from);
}

function pictureOf(link, state) {
  const folder = state.from.split('/').slice(0, -1).join('/');
  return copyOf(new URL(link, `file:///${folder ? `${folder}/` : ''}`).pathname.slice(1));
}

function image(token, state) {
  return `<img src="${escape(pictureOf(token.attrGet('src'), state))}" `
    + `alt="${escape(token.content)}" loading="lazy">`;
}

function headingOpen(tokens, at, state) {
  const words = tokens[at + 1].children.map((child) => child.content).join('');
  state.heading = words;
  const name = slug(words);
  const times = state.slugs.get(name) ?? 0;
  state.slugs.set(name, times + 1);
  return `<${tokens[at].tag} id="${escape(times ? `${name}-${times}` : name)}">`;
}

// -- code --------------------------------------------------------------------

function fence(token, state) {
  const language = token.info.trim().split(/\s+/)[0] ?? '';
  if (language === 'mermaid') {
    state.diagrams.push({ source: token.content, from: state.from });
    return `<!--diagram ${state.diagrams.length - 1}-->\n`;
  }
  return codeBox(token.content, language, state);
}

function codeBox(text, language, state) {
  const link = state.stage && NAMED.includes(language) ? meant(state.stage) : null;
  const html = coloured(text, language, link);
  return `<pre class="code" tabindex="0"><code>${html}\n</code></pre>\n`;
}

/** Return highlighted text; Python within shell commands is coloured as Python. */
function coloured(text, language, link) {
  const name = LANGUAGES[language] ?? language;
  const parts = name === 'bash' ? text.split(HEREDOC) : [text];
  return parts.map((part, at) => highlight(part, at % 2 ? 'python' : name, link)).join('\n');
}

/** Return a linker for words about a stage. */
function meant(stage) {
  return (name, place) => {
    const called = name.includes('_') || /^\s*\(/.test(place.after);
    const found = !place.member && called && meantFunction(stage, name);
    return found ? functionHref(stage, found) : null;
  };
}

function inlineCode(tokens, at, state) {
  const words = tokens[at].content;
  const html = `<code>${escape(words)}</code>`;
  const href = insideLink(tokens, at) ? null : hrefOfWords(words, state);
  return href ? `<a class="name" href="${escape(href)}">${html}</a>` : html;
}

function insideLink(tokens, at) {
  const before = tokens.slice(0, at);
  const count = (type) => before.filter((token) => token.type === type).length;
  return count('link_open') > count('link_close');
}

/** Return where words such as `connection_open`, `buffer.c` or `make diff-v07 PART=2` lead. */
function hrefOfWords(words, { stage, from }) {
  return commandHref(words, from) ?? (stage ? nameHref(words, stage) : null);
}

function nameHref(words, stage) {
  if (stage.files.some((file) => file.name === words && file.name !== 'Makefile')) {
    return `@/${stage.short}/code/${words}.html`;
  }
  const name = /^([A-Za-z_]\w*)(\(\))?$/.exec(words);
  const found = name && words !== 'main' && meantFunction(stage, name[1]);
  return found ? functionHref(stage, found) : null;
}

/** Return where a command leads; an exercise's own command leads nowhere in its README. */
function commandHref(words, from) {
  const step = /^make diff-(v\d\d)(?: PART=(\d+))?$/.exec(words);
  if (step && book().stage(step[1])) {
    return `@/${step[1]}/step/${step[2] ?? 'index'}.html`;
  }
  const exercise = /^make try-(\w+)$/.exec(words);
  const found = exercise && book().exercises.find((one) => one.name === exercise[1]);
  return found && !from.startsWith(`${found.folder}/`)
    ? `@/exercises/${found.stage}/${found.name}.html` : null;
}

// -- diagrams ------------------------------------------------------------------

/** Put the drawn diagrams into their places. */
async function drawn(html, diagrams) {
  if (diagrams.length === 0) return html;
  const draw = await drawer();
  const made = await Promise.all(diagrams.map(({ source, from }) => draw(source, from)));
  return html.replace(/<!--diagram (\d+)-->/g, (_, number) => made[number]);
}

/** Return who draws; without the module a diagram stays its text. */
async function drawer() {
  try {
    return (await import('./diagrams.mjs')).diagram;
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return (source) => `<pre class="diagram" tabindex="0">${escape(source)}</pre>`;
  }
}

/** Cut rendered Markdown at its headings of level 2 and 3, for the search. */
export function sections(html) {
  const parts = html.split(/(?=<h[1-3] id=")/);
  return parts.filter((part) => part.startsWith('<h')).map((part) => {
    const [, anchor, title] = /^<h[1-3] id="([^"]+)">(.*?)<\/h[1-3]>/s.exec(part);
    const text = part.slice(part.indexOf('</h'))
      .replace(/<figure[\s\S]*?<\/figure>/g, ' ').replace(/<pre[\s\S]*?<\/pre>/g, ' ');
    return { title: title.replace(/<[^>]*>/g, ''), anchor, text };
  });
}
