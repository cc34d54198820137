// Highlighted code, line by line, in which the names of functions are links.
import hljs from 'highlight.js';
import { book, read } from './book.mjs';
import { escape } from './html.mjs';

const LANGUAGES = { c: 'c', h: 'c', py: 'python', sh: 'bash', mjs: 'javascript', js: 'javascript',
  json: 'json', md: 'markdown', css: 'css', patch: 'diff', diff: 'diff' };
const PIECE = /<span class="([^"]*)">|<\/span>|[^<]+/g;
const WORD = /&\w+;|&#\w+;|[A-Za-z_]\w*/g;

/** Return the highlighter's name for a file's language. */
export function languageOf(file) {
  const name = file.split('/').pop();
  if (name === 'Makefile') return 'makefile';
  const dot = name.lastIndexOf('.');
  return (dot > 0 && LANGUAGES[name.slice(dot + 1)]) || 'plaintext';
}

/** Return the highlighted text as HTML; each line closes what it opens. */
export function highlight(text, language, link = null) {
  return linesOf(text, language, link).join('\n');
}

/** Return the highlighted lines; link(name, where) may give an address for a name. */
export function linesOf(text, language, link = null) {
  const known = hljs.getLanguage(language) ? language : 'plaintext';
  const html = hljs.highlight(text.replace(/\n$/, ''), { language: known }).value;
  return splitLines(link ? linked(html, link) : html);
}

/** Cut HTML into lines; a span that goes on is closed and opened again. */
export function splitLines(html) {
  const open = [];
  return html.split('\n').map((line) => {
    const before = open.join('');
    for (const [tag] of line.matchAll(/<span[^>]*>|<\/span>/g)) {
      if (tag === '</span>') open.pop();
      else open.push(tag);
    }
    return before + line + '</span>'.repeat(open.length);
  });
}

/** Make a link of each name for which link(name, where) returns an address. */
function linked(html, link) {
  const classes = [];
  let before = '';
  let line = 1;
  return html.replace(PIECE, (piece, name) => {
    if (name !== undefined) classes.push(name);
    else if (piece === '</span>') classes.pop();
    else {
      const place = { line, before, kind: kindOf(classes) };
      const made = linkedWords(piece, place, link);
      line += piece.split('\n').length - 1;
      before = (before + piece).slice(-40);
      return made;
    }
    return piece;
  });
}

/** Return what the text of these spans is: code, a comment, or a text between quotes. */
function kindOf(classes) {
  if (classes.some((name) => name.includes('hljs-comment'))) return 'comment';
  return classes.some((name) => /hljs-(string|meta-string|char)/.test(name)) ? 'text' : 'code';
}

function linkedWords(piece, place, link) {
  return piece.replace(WORD, (word, at) => {
    if (word.startsWith('&')) return word;
    const before = place.before + piece.slice(0, at);
    const member = /(\.|-&gt;)\s*$/.test(before);
    const line = place.line + piece.slice(0, at).split('\n').length - 1;
    const after = piece.slice(at + word.length);
    const href = link(word, { ...place, line, member, after });
    return href ? `<a href="${escape(href)}">${word}</a>` : word;
  });
}

/** Return the function that a name in a stage's file stands for; undefined when there is none. */
export function resolveFunction(stage, file, name) {
  const all = stage.definitions.get(name) ?? [];
  const program = (f) => stage.files.find((one) => one.name === f.file).program;
  return all.find((f) => f.file === file) ?? all.find((f) => !f.static && !program(f));
}

/** Return the function that a README's words mean: a program's own ones count too. */
export function meantFunction(stage, name) {
  const all = stage.definitions.get(name) ?? [];
  return resolveFunction(stage, '', name) ?? all.find((f) => f.file === 'echo_server.c')
    ?? (all.length === 1 ? all[0] : undefined);
}

/** Return the address of a function's definition. */
export function functionHref(stage, found) {
  return `@/${stage.short}/code/${found.file}.html#${found.name}`;
}

/** Return a linker for a stage's file: names of functions lead to their definitions. */
export function linker(stage, file) {
  return (name, place) => {
    if (place.member || place.kind === 'text') return null;
    if (place.kind === 'comment' && !name.includes('_')) return null;
    const found = resolveFunction(stage, file, name);
    return found ? functionHref(stage, found) : null;
  };
}

const cache = new Map();

/** Return a stage's file as highlighted lines, with links from each call to its definition. */
export function lines(short, file) {
  const stage = book().stage(short);
  const key = `${stage.short}/${file}`;
  if (!cache.has(key)) {
    const text = read(`${stage.name}/${file}`);
    cache.set(key, linesOf(text, languageOf(file), linker(stage, file)));
  }
  return cache.get(key);
}
