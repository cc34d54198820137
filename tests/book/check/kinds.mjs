// A page of each kind, and the pages of the READMEs.

import { readdirSync } from 'node:fs';
import { ROOT } from './place.mjs';

/** The stages' short names: v01, v02, ... */
export const STAGES = readdirSync(ROOT).filter((name) => /^v\d\d_/.test(name))
  .map((name) => name.slice(0, 3)).sort();

/** A page of each kind. */
export const KINDS = [
  'v07/index.html', 'v07/code/connection.c.html',
  'v07/step/index.html', 'v07/step/1.html', 'v07/step/8.html',
  'compare/index.html', 'compare/v06-v07/index.html', 'compare/echo_server.c/v03-v07.html',
  'file/index.html', 'file/socket.c/index.html', 'function/connection_send.html',
  'trace/index.html', 'trace/v07-echo.html', 'behaviour.html', 'benchmarks.html',
  'exercises/index.html', 'exercises/v07/rooms.html', 'glossary.html',
];

/** The other READMEs: of the course, of each stage, of the tests. */
export const READMES = ['index.html', ...STAGES.map((stage) => `${stage}/index.html`),
  'tests/index.html'].filter((where) => !KINDS.includes(where));
