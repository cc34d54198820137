// Diffs by keyboard: from change to change, from step to step; side by side or in one column.
// Without this script all of a page can be read, in one column.
(() => {
  const KEYS = [
    ['→ ←', 'the next step or page, and the one before'],
    ['↓ ↑', 'the next change, the change before (j and k too)'],
    ['l', 'up, such as to the list of the steps'],
    ['s', 'side by side, or one column'],
    ['u', 'unfold all, or fold again'],
  ];
  const STORED = 'diff-view';
  const HEAD = 60; // pixels that a file's head takes at the top of the window
  const wide = window.matchMedia('(min-width: 1000px)');
  const boxes = [...document.querySelectorAll('.diffs')];
  const hunks = [...document.querySelectorAll('.hunk')];
  const folds = [...document.querySelectorAll('details.fold')];
  const button = (name) => document.querySelector(`.tools [data-do="${name}"]`);
  const says = document.querySelector('.tools [role="status"]');
  let view = 'split';
  try {
    view = localStorage.getItem(STORED) ?? view;
  } catch { /* a browser may forbid to store: side by side stays the way to begin */ }

  const leads = (kind) => document.querySelector(`footer a[rel="${kind}"]`);
  window.book.keys.push(...(leads('next') || leads('prev') ? KEYS : KEYS.slice(1))
    .filter(([key]) => key !== 'u' || folds.length));

  // -- side by side ------------------------------------------------------------

  // An unchanged line stands once in the page. Side by side it is shown at the right too, for eyes
  // alone: it has no link, and a screen reader passes over it.
  const addTwins = (same) => {
    if (same.querySelector('.twin') || same.closest('.whole')) return;
    [...same.children].forEach((line, at) => {
      const twin = line.cloneNode(true);
      twin.classList.add('twin');
      twin.setAttribute('aria-hidden', 'true');
      for (const link of twin.querySelectorAll('a')) link.replaceWith(...link.childNodes);
      line.style.gridRow = at + 1;
      twin.style.gridRow = at + 1;
      same.append(twin);
    });
  };

  const showView = () => {
    const shown = wide.matches ? view : 'one';
    if (shown === 'split') document.querySelectorAll('.diffs .same').forEach(addTwins);
    for (const box of boxes) box.dataset.view = shown;
    button('split')?.setAttribute('aria-pressed', String(shown === 'split'));
  };

  // What the reader looks at stays where it is while the page around it changes.
  const keepPlace = (change) => {
    const seen = window.scrollY > HEAD && onScreen();
    const before = seen && seen.getBoundingClientRect().top;
    change();
    const by = seen && seen.getBoundingClientRect().top - before;
    if (by) window.scrollBy({ top: by, behavior: 'instant' });
  };

  const switchView = () => {
    if (!wide.matches) return;
    view = view === 'split' ? 'one' : 'split';
    try {
      localStorage.setItem(STORED, view);
    } catch { /* it lasts until the next page */ }
    keepPlace(showView);
    say(view === 'split' ? 'Side by side' : 'One column');
  };

  const say = (words) => { if (says) says.textContent = words; };

  // -- folds ---------------------------------------------------------------------

  const unfold = () => {
    const open = folds.some((fold) => !fold.open);
    keepPlace(() => { for (const fold of folds) fold.open = open; });
    button('unfold')?.setAttribute('aria-pressed', String(open));
    say(open ? 'All lines are shown' : 'Unchanged lines are folded');
  };

  // -- from change to change -------------------------------------------------------

  const isSeen = (hunk) => {
    const { top, bottom } = hunk.getBoundingClientRect();
    return bottom > HEAD && top < window.innerHeight;
  };

  const onScreen = () => {
    const focused = document.activeElement?.closest('.hunk');
    return focused && isSeen(focused) ? focused : hunks.find(isSeen);
  };

  // A hunk that is longer than the window is read to its end before the next one is shown.
  const scrollWithin = (hunk, way) => {
    const { top, bottom } = hunk.getBoundingClientRect();
    const left = way > 0 ? bottom - window.innerHeight : HEAD - top - 10;
    if (left <= 0) return false;
    window.scrollBy({ top: way * Math.min(left + 20, window.innerHeight * 0.7) });
    return true;
  };

  const nextHunk = (way) => {
    const focused = document.activeElement?.closest('.hunk');
    if (focused && isSeen(focused)) {
      return scrollWithin(focused, way) ? focused : hunks[hunks.indexOf(focused) + way];
    }
    const below = hunks.findIndex((hunk) => hunk.getBoundingClientRect().top >= HEAD - 10);
    if (way > 0) return hunks[below];
    return hunks[(below < 0 ? hunks.length : below) - 1];
  };

  const walk = (way) => {
    const before = document.activeElement;
    const hunk = nextHunk(way);
    if (!hunk) return false;
    if (hunk === before) return true;
    hunk.focus({ preventScroll: true });
    hunk.scrollIntoView({ block: 'start' });
    return true;
  };

  // -- keys ----------------------------------------------------------------------

  const follow = (kind) => {
    const link = leads(kind);
    if (link) window.location.assign(link.href);
    return Boolean(link);
  };

  const ACTIONS = {
    ArrowRight: () => follow('next'), ArrowLeft: () => follow('prev'), l: () => follow('up'),
    ArrowDown: () => walk(1), ArrowUp: () => walk(-1), j: () => walk(1), k: () => walk(-1),
    s: () => { switchView(); return true; }, u: () => { unfold(); return true; },
  };

  const isTaken = (event) => event.ctrlKey || event.metaKey || event.altKey || event.shiftKey
    || event.defaultPrevented || document.querySelector('dialog[open]')
    || event.target.closest?.('input, textarea, select, [contenteditable]');

  // A box that scrolls keeps its own arrow keys while it has the focus itself.
  const scrolls = ({ key, target }) => /^Arrow(Left|Right)$/.test(key)
    && target.scrollWidth > target.clientWidth && target.matches?.('[tabindex="0"]');

  document.addEventListener('keydown', (event) => {
    if (isTaken(event) || scrolls(event)) return;
    if (ACTIONS[event.key]?.()) event.preventDefault();
  });
  button('split')?.addEventListener('click', switchView);
  button('unfold')?.addEventListener('click', unfold);
  wide.addEventListener('change', showView);
  showView();
  if (folds.length === 0) button('unfold')?.remove();
})();
