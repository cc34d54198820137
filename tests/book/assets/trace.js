// Step through a recorded scene. The page is a list of calls that can be read without this script;
// the script marks one of them at a time and shows the lines beside it.
(() => {
  const root = document.querySelector('.trace');
  if (!root) return;
  const find = (selector) => root.querySelector(selector);
  const list = find('.trace-events');
  const rows = [...list.children];
  const bar = find('.trace-bar');
  const slider = find('input');
  const now = find('.trace-now');
  const PACE = 1200; // milliseconds a step, while it plays
  let here = 0;
  let playing = null;

  // -- what the list says ------------------------------------------------------

  const colour = (thread) => `thread-${Number(thread) % 6}`; // there are six
  const isCall = (row) => row.dataset.thread !== undefined;

  /** Return the last call at or before a step, of one thread or of any. */
  const lastCall = (step, thread) => {
    for (let at = step; at >= 0; at--) {
      const row = rows[at];
      if (isCall(row) && (thread === undefined || row.dataset.thread === thread)) return at;
    }
    return null;
  };

  /** Return the steps of the calls that a call stands in, the outermost first; it is the last. */
  const pathTo = (step) => {
    const path = [];
    let depth = Infinity;
    for (let at = step; at >= 0; at--) {
      const data = rows[at].dataset;
      if (data.thread !== rows[step].dataset.thread || Number(data.depth) >= depth) continue;
      path.unshift(at);
      depth = Number(data.depth);
    }
    return path;
  };

  /** Return the step after all that a call calls. */
  const after = (step) => {
    const { thread, depth } = rows[step].dataset;
    if (thread === undefined) return step + 1;
    const found = rows.findIndex((row, at) => at > step && row.dataset.thread === thread
      && Number(row.dataset.depth) <= Number(depth));
    return found < 0 ? rows.length - 1 : found;
  };

  const sentence = (row) => {
    const { text, name, caller, line, threadName } = row.dataset;
    if (text) return `${text}.`;
    const file = row.dataset.from?.split(':')[0];
    const where = line ? `, line ${line} of ${file}` : '';
    const who = threadName ? `${threadName}: ` : '';
    return caller ? `${who}${caller} calls ${name}${where}.` : `${who}${name} begins.`;
  };

  // -- the code ----------------------------------------------------------------

  const templates = new Map([...document.querySelectorAll('template[data-key]')]
    .map((one) => [one.dataset.key, one]));

  const showCode = (box, key, line, instead) => {
    const scroll = box.querySelector('.scroll');
    const where = box.querySelector('.where');
    const template = templates.get(key);
    if (!template || box.dataset.key !== key) {
      scroll.replaceChildren(template ? template.content.cloneNode(true) : instead);
      where.textContent = template ? template.dataset.title : '';
      scroll.scrollTop = 0;
    }
    box.dataset.key = key ?? '';
    box.classList.toggle('empty', !template);
    where.hidden = !template;
    if (!template) return;
    where.href = line ? template.dataset.href.replace(/#.*/, `#L${line}`) : template.dataset.href;
    scroll.querySelector('.now')?.classList.remove('now');
    mark(scroll, scroll.querySelector(`[data-line="${line}"]`));
  };

  const mark = (scroll, line) => {
    if (!line) return;
    line.classList.add('now');
    const height = scroll.clientHeight;
    const top = line.offsetTop - scroll.scrollTop;
    if (top < height * 0.15 || top > height * 0.8) {
      scroll.scrollTop = Math.max(0, line.offsetTop - height * 0.4);
    }
    scroll.scrollLeft = 0;
  };

  const words = (...parts) => {
    const paragraph = document.createElement('p');
    paragraph.append(...parts);
    return paragraph;
  };

  const named = (name) => {
    const code = document.createElement('code');
    code.textContent = name;
    return code;
  };

  /** Say what is called where the stage's code ends. */
  const outside = (name) => {
    const library = name.startsWith('pthread_');
    const page = library ? `man 3 ${name}` : `man 2 ${name.replace(/^eventfd_\w+/, 'eventfd')}`;
    const what = library ? ' is a function of the C library.'
      : ' is a system call: the kernel does the rest.';
    return words(named(name), `${what} See `, named(page), '.');
  };

  const showCodes = (step) => {
    const at = lastCall(step);
    const data = at === null ? {} : rows[at].dataset;
    const nobody = at === null ? words('No thread has done anything yet.')
      : words('No line of this stage calls ', named(data.name), ': its thread begins with it.');
    showCode(find('.trace-called'), data.to, null, at === null ? words('') : outside(data.name));
    showCode(find('.trace-calls'), data.from, data.line, nobody);
  };

  // -- who calls whom ----------------------------------------------------------

  const button = (step, last) => {
    const made = document.createElement('button');
    made.type = 'button';
    made.textContent = rows[step].dataset.name;
    made.addEventListener('click', () => {
      go(step);
      find('.trace-stacks .current [aria-current]').focus(); // the button clicked has gone
    });
    if (last) made.setAttribute('aria-current', 'true');
    const item = document.createElement('li');
    item.append(made);
    return item;
  };

  const stackOf = (thread, step, current) => {
    const last = lastCall(step, thread);
    const line = document.createElement('ol');
    const row = rows.find((one) => one.dataset.thread === thread);
    const name = row.dataset.threadName ?? '';
    line.className = `${colour(thread)}${thread === current ? ' current' : ''}`;
    line.setAttribute('aria-label', name ? `Calls of the ${name}` : 'Calls, the outermost first');
    if (name) line.dataset.name = name;
    if (last !== null) line.append(...pathTo(last).map((at) => button(at, at === last)));
    return line;
  };

  const threads = [...new Set(rows.filter(isCall).map((row) => row.dataset.thread))]
    .sort((a, b) => a - b);

  const showStacks = (step) => {
    const current = rows[step].dataset.thread;
    find('.trace-stacks').replaceChildren(
      ...threads.map((thread) => stackOf(thread, step, current)));
  };

  const showRow = (step) => {
    for (const row of list.querySelectorAll('.on-path')) row.classList.remove('on-path');
    list.querySelector('[aria-current]')?.removeAttribute('aria-current');
    const row = rows[step];
    row.setAttribute('aria-current', 'step');
    if (isCall(row)) for (const at of pathTo(step)) rows[at].classList.add('on-path');
    const top = row.offsetTop - list.scrollTop;
    if (top < 40 || top + row.offsetHeight > list.clientHeight - 40) {
      list.scrollTop = row.offsetTop - list.clientHeight * 0.45;
    }
  };

  // -- steps -------------------------------------------------------------------

  const go = (step) => {
    here = Math.min(Math.max(step, 0), rows.length - 1);
    slider.value = here + 1;
    slider.setAttribute('aria-valuetext', `${here + 1} of ${rows.length}`);
    find('output').textContent = `${here + 1} of ${rows.length}`;
    now.textContent = sentence(rows[here]);
    now.className = `trace-now ${isCall(rows[here]) ? colour(rows[here].dataset.thread) : ''}`;
    showRow(here);
    showCodes(here);
    showStacks(here);
    history.replaceState(null, '', `#${here + 1}`);
  };

  const play = (on) => {
    clearInterval(playing);
    playing = on ? setInterval(playOn, PACE) : null;
    const toggle = find('[data-do="play"]');
    toggle.textContent = on ? 'Pause' : 'Play';
    toggle.setAttribute('aria-pressed', String(on));
    now.setAttribute('aria-live', on ? 'off' : 'polite'); // not a sentence each second
  };

  const playOn = () => (here < rows.length - 1 ? go(here + 1) : play(false));

  const actions = {
    next: () => go(here + 1),
    previous: () => go(here - 1),
    over: () => go(after(here)),
    first: () => go(0),
    last: () => go(rows.length - 1),
  };

  const act = (name) => {
    if (name === 'play') {
      if (!playing && here === rows.length - 1) go(0);
      play(!playing);
    } else {
      play(false);
      actions[name]();
    }
  };

  // -- keys and clicks ---------------------------------------------------------

  const KEYS = { ArrowRight: 'next', ArrowDown: 'next', n: 'next', ArrowLeft: 'previous',
    ArrowUp: 'previous', p: 'previous', o: 'over', Home: 'first', End: 'last' };

  const onKey = (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (!KEYS[key] || target.closest('input, textarea, select, dialog')) return;
    // In a box of code these scroll.
    if (target.closest('.trace-code .scroll') && /^(Arrow|Home|End)/.test(key)) return;
    event.preventDefault();
    act(KEYS[key]);
    root.scrollIntoView({ block: 'nearest', behavior: 'instant' });
  };

  const onRowClick = (event) => {
    const row = event.target.closest('li');
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (!row || !plain || event.target.closest('.at')) return;
    event.preventDefault();
    play(false);
    go(rows.indexOf(row));
  };

  const fromHash = () => {
    const step = Number(location.hash.slice(1));
    return Number.isInteger(step) && step >= 1 && step <= rows.length ? step - 1 : null;
  };

  const start = () => {
    root.classList.add('on');
    for (const row of rows) row.removeAttribute('id'); // or the browser scrolls to the row
    // Keys walk through the list; Tab would stop two times in each of its rows.
    for (const link of list.querySelectorAll('a')) link.tabIndex = -1;
    for (const hidden of root.querySelectorAll('[hidden]')) hidden.hidden = false;
    bar.addEventListener('click', (event) => {
      const name = event.target.closest('[data-do]')?.dataset.do;
      if (name) act(name);
    });
    slider.addEventListener('input', () => { play(false); go(slider.value - 1); });
    list.addEventListener('click', onRowClick);
    document.addEventListener('keydown', onKey);
    window.addEventListener('hashchange', () => fromHash() !== null && go(fromHash()));
    window.book?.keys.push(['→ ↓ n', 'the next step'], ['← ↑ p', 'the step before'],
      ['o', 'over all that a call calls'], ['Home End', 'the first step, the last']);
    const asked = fromHash();
    if (asked === null) return showFirst();
    go(asked);
    return root.scrollIntoView({ block: 'start', behavior: 'instant' });
  };

  // Without a step in the address the page stays at its top, and its address as it is.
  const showFirst = () => {
    const address = location.href;
    go(0);
    history.replaceState(null, '', address);
  };

  start();
})();
