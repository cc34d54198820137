// `make read`: starts, says where the book is, serves it, and ends with Ctrl-C as if nothing was.

import { test } from 'node:test';
import { fail } from './harness.mjs';
import { FOLDER } from './place.mjs';
import { serve } from './serve.mjs';

test('make read serves the book until Ctrl-C', { timeout: 30000 }, async () => {
  const server = await serve(FOLDER);
  const response = await fetch(`${server.url}index.html`);
  const body = await response.text();
  const status = await server.stop();
  if (!response.ok || !/<h1/.test(body)) {
    fail({ page: 'index.html', expected: 'the first page', seen: `status ${response.status}`,
      cause: 'read.py serves another folder' });
  }
  if (status !== 0) {
    fail({ page: 'read.py', expected: 'exit status 0 after Ctrl-C', seen: `${status}`,
      cause: 'KeyboardInterrupt is not caught' });
  }
});
