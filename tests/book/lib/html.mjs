// Small things about HTML that all pages need.

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Return the text such that a browser shows it as it is. */
export function escape(text) {
  return String(text).replace(/[&<>"']/g, (sign) => ENTITIES[sign]);
}

const WITHIN_WORDS = /<\/?(?:a|b|code|em|i|mark|small|span|strong)\b[^>]*>/g;

/** Return the words of a piece of HTML, without its tags. */
export function plain(html) {
  return html.replace(WITHIN_WORDS, '').replace(/<[^>]*>/g, ' ')
    .replace(/&lt;/g, '<').replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"').replace(/&#39;|&#x27;/g, "'").replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ').trim();
}

/** Return the way from a page's folder to the top of the book: '', '../', '../../'. */
export function upFrom(path) {
  return '../'.repeat(path.split('/').length - 1);
}

/** Turn the addresses that begin with `@/` into relative ones. */
export function relative(html, path) {
  return html.replace(/(\s(?:href|src|action|data-src)=")@\//g, `$1${upFrom(path)}`);
}

/** Return the name by which a heading is found, as the usual viewers make it. */
export function slug(words) {
  return words.toLowerCase().replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replace(/ /g, '-');
}

/** Return a box that scrolls by itself and can be reached by keyboard. */
export function scrollBox(html, label) {
  return `<div class="scroll" tabindex="0" role="group" aria-label="${escape(label)}">`
    + `${html}</div>`;
}
