// The words of a README's section `In which order to read`: an item for each step of the stage.
const HEADING = '## In which order to read';
const ITEM = /^\d+\. \*{1,2}[^\s*]/;
const PARTS = /^(\d+)\. (\*{1,2})([\s\S]+?)\2([\s\S]*)$/;
const ROW = /^\| (\d+)\. ([^|]+?) \| (.*) \|$/;
const CHECKPOINT = '**Checkpoint ';
const TABLE_HEAD = /^\| Step of |^\| --- \| --- \|$/;

/**
 * Return {intro, items, after, following}, all Markdown: what stands before the items, the items as
 * {number, title, words, before}, what follows, and the heading of the next section. `before` is
 * what stands between an item and the one above it, such as a checkpoint. Items are a numbered list
 * with titles, or a table's rows.
 */
export function readingOrder(readme) {
  const found = { intro: '', items: [], after: '' };
  let between = [];
  for (const line of section(readme)) {
    if (TABLE_HEAD.test(line)) continue;
    const item = begun(line);
    if (item) {
      addItem(found, item, between.join('\n'));
      between = [];
    } else if (goesOn(line, found.items, between)) {
      found.items.at(-1).lines.push(...between, line);
      between = [];
    } else between.push(line);
  }
  found[found.items.length ? 'after' : 'intro'] = between.join('\n').trim();
  return { ...found, items: found.items.map(finished), following: following(readme) };
}

/** Return the heading of the section that comes next. */
function following(readme) {
  return /\n## (.+)/.exec(readme.split(`\n${HEADING}\n`)[1])?.[1];
}

/** Return the lines of the section. */
function section(readme) {
  const [, text] = readme.split(`\n${HEADING}\n`);
  if (text === undefined) throw new Error(`a README has no section "${HEADING}"`);
  return text.split(/\n## /)[0].split('\n');
}

/** Return a new item when a line begins one. */
function begun(line) {
  const row = ROW.exec(line);
  if (row) return { lines: [`${row[1]}. **${row[2]}**: ${row[3]}`], row: true };
  return ITEM.test(line) ? { lines: [line], row: false } : null;
}

/** Whether a line belongs to the last item: it is indented, or blank before an indented one. */
function goesOn(line, items, between) {
  const last = items.at(-1);
  return last && !last.row && between.every((one) => one === '') && /^ {2,}\S/.test(line);
}

/** Add an item. What stood before the first one is the introduction, but for its checkpoint. */
function addItem(found, item, between) {
  let before = between.trim();
  if (found.items.length === 0) {
    const at = before.lastIndexOf(CHECKPOINT);
    found.intro = at < 0 ? before : before.slice(0, at).trim();
    before = at < 0 ? '' : before.slice(at);
  }
  found.items.push({ ...item, before });
}

/** Take an item apart: its number, its title, and its words without their indentation. */
function finished({ lines, before }) {
  const [, number, , title, words] = PARTS.exec(lines.join('\n'));
  const indentation = new RegExp(`\\n {1,${number.length + 2}}`, 'g');
  return { number: Number(number), title: title.replace(/\s+/g, ' '), before,
    words: sentence(words.replace(indentation, '\n')) };
}

/** Return an item's words as they read without its title: with a capital, without `PART=2`. */
function sentence(words) {
  return words.replace(/^[:,]?\s+/, '').replace(/^\(`PART=\d+`\)[:,]?\s*/, '')
    .replace(/^[a-z]/, (letter) => letter.toUpperCase()).trim();
}

/** Return what is wrong between a stage's steps and its README's items. */
export function disagreements(stage, steps, items) {
  const wrong = [];
  for (let at = 0; at < Math.max(steps.length, items.length); at++) {
    const [step, item] = [steps[at]?.title, items[at]?.title];
    if (step === item && items[at].number === at + 1) continue;
    wrong.push(`${stage}: step ${at + 1} is "${step ?? 'missing'}" in tests/tools/steps, `
      + `and "${item ?? 'missing'}" in the README`);
  }
  return wrong;
}
