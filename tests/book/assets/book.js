// The search, the keys and the colours. Every page can be read without this script.
(() => {
  const BASE = new URL('../', document.currentScript.src);
  const keys = [['/', 'search'], ['?', 'these keys'], ['Esc', 'close what is open']];
  // A page's own script adds its keys: window.book.keys.push(['n', 'the next change']).
  window.book = { base: BASE, keys };

  const make = (tag, words = '', attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = words;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  const isTyping = (event) => event.target.closest('input, textarea, select, [contenteditable]');

  // -- dialogs ---------------------------------------------------------------

  const dialog = (name, ...children) => {
    const box = make('dialog', '', { 'aria-label': name });
    const close = make('button', 'Close', { type: 'button', class: 'close' });
    close.addEventListener('click', () => box.close());
    box.addEventListener('click', (event) => event.target === box && box.close());
    box.append(close, ...children);
    document.body.append(box);
    return box;
  };

  let keysBox = null;
  const openKeys = () => {
    const list = make('dl');
    for (const [key, words] of keys) {
      const term = make('dt');
      term.append(...key.split(' ').flatMap((one) => [make('kbd', one), ' ']));
      list.append(term, make('dd', words));
    }
    keysBox ??= dialog('Keys', make('h2', 'Keys'), make('dl'));
    keysBox.querySelector('dl').replaceWith(list);
    keysBox.showModal();
  };

  // -- search ----------------------------------------------------------------

  const KINDS = ['Functions', 'READMEs', 'Glossary', 'Steps', 'Exercises', 'Checks', 'Traces'];
  const SHOWN = 6; // results of a kind
  let box = null;
  let index = null;
  const input = make('input', '', { type: 'search', id: 'search', autocomplete: 'off',
    spellcheck: 'false', 'aria-describedby': 'search-status' });
  const status = make('p', '', { id: 'search-status', role: 'status', 'aria-live': 'polite',
    class: 'muted' });
  const results = make('div');

  const words = (text) => text.split(/[^\p{L}\p{N}_.$-]+/u)
    .flatMap((word) => [word, ...(/[_.-]/.test(word) ? word.split(/[_.-]+/) : [])])
    .filter(Boolean);

  const makeIndex = () => {
    index = new window.MiniSearch({ fields: ['t', 'x'], idField: 'id', tokenize: words,
      searchOptions: { boost: { t: 4 }, prefix: (term) => term.length > 1, combineWith: 'AND',
        fuzzy: (term) => (term.length > 5 ? 0.15 : false) } });
    index.addAll(window.BOOK_ENTRIES.map((entry, id) => ({ ...entry, id })));
  };

  const load = (then) => {
    if (index) return then();
    const script = make('script');
    script.src = new URL('assets/search-index.js', BASE);
    script.onload = () => { makeIndex(); then(); };
    script.onerror = () => { status.textContent = 'The search index could not be read.'; };
    document.head.append(script);
    return undefined;
  };

  const find = (query) => {
    const exact = window.BOOK_ENTRIES.map((entry, id) => ({ ...entry, id }))
      .filter((entry) => entry.k === 'Functions' && entry.t === query);
    const all = index.search(query);
    const hits = all.length ? all : index.search(query, { combineWith: 'OR' });
    const rest = hits.filter((hit) => !exact.some((one) => one.id === hit.id))
      .map((hit) => ({ ...window.BOOK_ENTRIES[hit.id], id: hit.id }));
    return [...exact, ...rest];
  };

  const excerpt = (text, query) => {
    const lower = text.toLowerCase();
    const first = words(query.toLowerCase()).map((word) => lower.indexOf(word))
      .find((at) => at >= 0) ?? 0;
    const from = first > 60 ? lower.indexOf(' ', first - 60) + 1 : 0;
    const end = text.length < from + 150 ? text.length : text.lastIndexOf(' ', from + 150);
    return (from ? '… ' : '') + text.slice(from, end) + (end < text.length ? ' …' : '');
  };

  // What several stages have alike is shown in the stage that the reader is in, if that has it.
  const addressOf = (entry) => {
    const here = document.body.dataset.stage;
    const path = entry.s.length > 1 && entry.s.includes(here)
      ? entry.a.replace(/^v\d\d/, here) : entry.a;
    return new URL(path, BASE);
  };

  const stagesOf = ({ s }) => (s.length > 2 ? `${s[0]}–${s[s.length - 1]}` : s.join(', '));

  const entryItem = (entry, query) => {
    const link = make('a', entry.t, { href: addressOf(entry) });
    if (entry.s.length) link.append(' ', make('small', stagesOf(entry), { class: 'muted' }));
    if (entry.x) link.append(make('p', excerpt(entry.x, query)));
    const item = make('li');
    item.append(link);
    return item;
  };

  const group = (kind, found, query) => {
    const list = make('ul');
    list.append(...found.slice(0, SHOWN).map((entry) => entryItem(entry, query)));
    const more = found.length > SHOWN ? ` (${SHOWN} of ${found.length})` : '';
    return [make('h2', kind + more), list];
  };

  const show = () => {
    const query = input.value.trim();
    results.replaceChildren();
    status.textContent = '';
    if (!query || !index) return;
    const found = find(query);
    const kinds = [...new Set(found.map((entry) => entry.k))];
    kinds.sort((a, b) => place(a) - place(b));
    const first = found[0]?.k;
    for (const kind of kinds.sort((a, b) => (b === first) - (a === first))) {
      results.append(...group(kind, found.filter((entry) => entry.k === kind), query));
    }
    status.textContent = found.length === 1 ? '1 result' : `${found.length} results`;
  };
  const place = (kind) => (KINDS.indexOf(kind) + KINDS.length + 1) % (KINDS.length + 1);

  const walk = (event) => {
    const links = [...results.querySelectorAll('a')];
    const at = links.indexOf(document.activeElement);
    if (event.key === 'Escape') {
      event.preventDefault();  // a search field would only be emptied
      box.close();
    } else if (event.key === 'Enter' && document.activeElement === input) {
      event.preventDefault();
      links[0]?.click();
    } else if (event.key === 'ArrowDown' && at < links.length - 1) {
      event.preventDefault();
      links[at + 1].focus();
    } else if (event.key === 'ArrowUp' && at >= 0) {
      event.preventDefault();
      (links[at - 1] ?? input).focus();
    }
  };

  const openSearch = () => {
    if (!box) {
      box = dialog('Search', make('label', 'Search the book', { for: 'search' }), input, status,
        results);
      box.addEventListener('keydown', walk);
      box.addEventListener('click', (event) => event.target.closest('a') && box.close());
      input.addEventListener('input', show);
    }
    box.showModal();
    input.focus();
    input.select();
    load(show);
  };

  // -- colours, hints, keys ----------------------------------------------------

  const THEMES = ['system', 'light', 'dark'];
  const SIGNS = { system: '◐', light: '☀', dark: '☾' };
  const setTheme = (button, theme) => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === 'system') localStorage.removeItem('theme');
      else localStorage.setItem('theme', theme);
    } catch { /* it lasts until the next page */ }
    button.textContent = SIGNS[theme];
    button.title = `Colours: ${theme}`;
    button.setAttribute('aria-label', button.title);
  };

  const theme = document.getElementById('theme');
  theme.hidden = false;
  setTheme(theme, document.documentElement.dataset.theme ?? 'system');
  theme.addEventListener('click', () => {
    const now = THEMES.indexOf(document.documentElement.dataset.theme ?? 'system');
    setTheme(theme, THEMES[(now + 1) % THEMES.length]);
  });

  // Where the contents would stand in front of the text, they are folded.
  const contents = document.querySelector('.toc details');
  if (contents) contents.open = matchMedia('(min-width: 1180px)').matches;

  // Only what does scroll is a stop on the way of the Tab key.
  const stops = [...document.querySelectorAll('pre[tabindex], .scroll[tabindex]')];
  const setStops = () => stops.forEach((stop) => {
    if (stop.scrollWidth > stop.clientWidth) stop.tabIndex = 0;
    else stop.removeAttribute('tabindex');
  });
  addEventListener('load', setStops);
  addEventListener('resize', setStops);

  document.getElementById('search-open').addEventListener('click', openSearch);
  document.getElementById('keys-open').addEventListener('click', openKeys);
  document.addEventListener('keydown', (event) => {
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector('dialog[open]')) return;
    const open = { '/': openSearch, '?': openKeys }[event.key];
    if (!open) return;
    event.preventDefault();
    open();
  });
})();
