// Run files of tests with node's own runner, and count how they end.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startChromium } from '../lib/browser.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const AT_A_TIME = 2;
// Milliseconds. A file of tests that hangs is stopped.
const LIMIT = 400000;
/** The exit status of what can't run on this machine. */
export const SKIPPED = 77;

/** Say why there is nothing to test with, or return null. */
export async function whatIsMissing() {
  try {
    const browser = await startChromium();
    if (browser === null) return 'the Debian package chromium is not installed';
    await browser.close();
    return null;
  } catch (error) {
    return `Chromium does not start: ${reason(error.message)}`;
  }
}

// What Chromium itself said, if it said something; on Ubuntu that its snap is not installed.
const reason = (message) => /\[err\] (.+)/.exec(message)?.[1] ?? message.trim().split('\n')[0];

/** Return the paths of the files with tests whose name holds a word. */
export function testFiles(word = '') {
  return readdirSync(HERE).filter((name) => name.endsWith('.test.mjs') && name.includes(word))
    .sort().map((name) => path.join(HERE, name));
}

/** Run files of tests; return { passed, failed, skipped }. Give `show` each event and outcome. */
export async function runTests(files, show) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  const stream = run({ files, concurrency: AT_A_TIME, timeout: LIMIT });
  stream.on('test:pass', (event) => add(count, event, 'passed', show));
  stream.on('test:fail', (event) => add(count, event, 'failed', show));
  stream.on('test:stderr', (event) => process.stderr.write(event.message));
  stream.resume();
  await new Promise((resolve) => stream.on('close', resolve));
  return count;
}

// Count what is a test: no group of tests, no file. A file counts where it fails by itself.
function add(count, event, outcome, show) {
  const isFile = event.name.endsWith('.test.mjs');
  if (event.details?.type === 'suite' || (isFile && outcome === 'passed')) return;
  const skipped = [event.skip, event.todo].some((why) => why !== undefined && why !== false);
  count[skipped ? 'skipped' : outcome] += 1;
  show(event, skipped ? 'skipped' : outcome);
}
