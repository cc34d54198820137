// What the pages with diffs share: a file with its head and its diff, and what goes with the page.
import { escape } from './html.mjs';
import { counts } from './edits.mjs';
import { renderDiff } from './diff.mjs';
import { codeHref, countsHtml, placesIn } from './sources.mjs';

export const STYLES = ['diff.css'];
export const SCRIPTS = ['diff.js'];

const STEP_KEYS = ', <kbd>→</kbd> <kbd>←</kbd> from step to step';

export const TOOLS = `<div class="tools js" role="group" aria-label="How changes are shown">
<button type="button" data-do="split" class="wide-alone" aria-pressed="false"
 aria-keyshortcuts="s">Side by side <kbd>s</kbd></button>
<button type="button" data-do="unfold" aria-pressed="false"
 aria-keyshortcuts="u">Unfold all <kbd>u</kbd></button>
<span class="hint"><kbd>↓</kbd> <kbd>↑</kbd> from change to change</span>
<span class="hidden-text" role="status"></span></div>`;

/** The same where the arrow keys lead from step to step too. */
export const STEP_TOOLS = TOOLS.replace('from change to change', `$&${STEP_KEYS}`);

/**
 * Return a diff with its head: {old, new, edits, moved, status, links, skip, folds, id, level,
 * title, label, href}. A text that is shown whole has no removed lines and is marked as such.
 */
export function fileDiff(part) {
  const { old, new: after, edits, status, links = [], level = 2 } = part;
  const id = part.id ?? after.name;
  const whole = old.text.length === 0;
  const body = renderDiff({ ...part, id, label: part.label ?? `Changes of ${after.name}`,
    where: part.folds === false ? null : placesIn(after) });
  return `<article class="file${whole ? ' whole' : ''}" aria-labelledby="${escape(id)}">
<div class="file-head"><h${level} id="${escape(id)}"><a href="${part.href ?? codeHref(after)}">
<code>${part.title ?? after.name}</code></a></h${level}>
<span class="status">${status}</span> ${countsHtml(counts(edits))}
<span class="links">${links.join(' · ')}</span></div>
${body}
</article>`;
}

/** Return a link to the page of a file through all stages. */
export function historyLink(name) {
  return `<a href="@/file/${name}/index.html">through the stages</a>`;
}

/** Wrap diffs: how they are shown is set on this element. `beside` is what stands next to them. */
export function viewer(html, beside = '') {
  const aside = beside ? `<div class="beside-diffs">${beside}</div>\n` : '';
  return `<div class="reading${beside ? ' two' : ''}">
${aside}<div class="diffs" data-view="one">
${html}
</div></div>`;
}

/** Return a bar as long as a share of a whole, for eyes alone: the number stands beside it. */
export function bar(share) {
  return '<span class="size" aria-hidden="true">'
    + `<span style="--share:${share.toFixed(3)}"></span></span>`;
}
