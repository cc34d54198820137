// Test the book that was built, in Chromium, and say how it went.
//
//   node tests/book/check/run.mjs          all
//   node tests/book/check/run.mjs WORD     the files whose name holds the word
//
// The last line is `N passed, N failed, N skipped`. Exit status: 0, all passed; 1, not;
// 77, the tests can't run here, and the last line says why.

import { FOLDER } from './place.mjs';
import { serve } from './serve.mjs';
import { SKIPPED, runTests, testFiles, whatIsMissing } from './tests.mjs';

function print(event, outcome) {
  const seconds = ((event.details?.duration_ms ?? 0) / 1000).toFixed(1);
  const mark = { passed: 'ok  ', failed: 'FAIL', skipped: 'skip' }[outcome];
  console.log(` ${mark} ${event.name} (${seconds} s)`);
  if (outcome === 'failed') console.log(wordsOf(event.details.error));
}

// Our own failures say all in their message; for others the trace helps.
function wordsOf(error) {
  const cause = error.cause ?? error;
  const text = /\nlikely: /.test(cause.message ?? '') ? cause.message : cause.stack ?? cause;
  return String(text).trim().replace(/^/gm, '      ');
}

async function main(word) {
  const missing = await whatIsMissing();
  if (missing !== null) {
    console.log(`skipped: the book can't be tested in a browser: ${missing}`);
    return SKIPPED;
  }
  const start = Date.now();
  const server = await serve(FOLDER);
  Object.assign(process.env, { BOOK_URL: server.url, BOOK_FOLDER: FOLDER });
  const { passed, failed, skipped } = await runTests(testFiles(word), print);
  await server.stop();
  console.log(`the tests: ${Math.round((Date.now() - start) / 1000)} s`);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return passed > 0 && failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv[2]);
