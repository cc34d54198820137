// The recorded scenes. tests/trace runs the servers for them, which takes a while; so what it says
// is kept for as long as neither a stage nor the tracer has changed.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync }
  from 'node:fs';
import path from 'node:path';
import { leaveOut } from './book.mjs';

const ORDER = ['echo', 'half-close', 'slow-reader', 'idle', 'chat', 'stop'];
const TRACER = 'tests/trace/run.py';

let known = null;

/** Return every scene that can be recorded here, by stage; none when the tracer is missing. */
export function recordings(book) {
  known ??= recorded(book);
  return known;
}

function recorded(book) {
  const cache = path.join(book.root, 'build/book-cache/traces');
  const folder = path.join(cache, state(book));
  if (existsSync(folder)) return scenesIn(folder);
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(path.join(cache, 'new-')); // another build may be at it too
  try {
    const all = record(book.root, fresh);
    const scenes = scenesIn(fresh);
    if (all) replace(cache, fresh, folder);
    return scenes;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Put the fresh recordings in the place of all older ones. */
function replace(cache, fresh, folder) {
  for (const name of readdirSync(cache).filter((one) => !one.startsWith('new-'))) {
    rmSync(path.join(cache, name), { recursive: true, force: true });
  }
  renameSync(fresh, folder);
}

function scenesIn(folder) {
  return readdirSync(folder).filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')))
    .sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

function place(trace) {
  const at = ORDER.indexOf(trace.scene);
  return `${trace.stage} ${at < 0 ? 9 : at} ${trace.scene}`;
}

/** Return the name of a recording's page: `v07-echo`. */
export function sceneName(trace) {
  return `${trace.stage.slice(0, 3)}-${trace.scene}`;
}

// What a recording depends on.
function state(book) {
  const hash = createHash('sha256');
  for (const stage of book.stages) {
    for (const file of stage.files) hash.update(read(book, stage.name, file.name));
  }
  for (const name of tracerFiles(book.root)) hash.update(read(book, 'tests/trace', name));
  return hash.digest('hex').slice(0, 20);
}

function tracerFiles(root) {
  const folder = path.join(root, 'tests/trace');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.endsWith('.py')).sort();
}

function read(book, folder, name) {
  return `${folder}/${name}\n${readFileSync(path.join(book.root, folder, name))}`;
}

/** Record all scenes into a folder; return whether all are there.
 *
 * On a machine that is very busy a scene may fail for once. If it fails again, the book goes
 * without that scene, and the next build tries once more. */
function record(root, folder) {
  let run = trace(root, folder);
  if (run.status !== 0 && readdirSync(folder).length > 0) run = trace(root, folder);
  if (run.status === 0) return true;
  const why = run.stderr.trim().split('\n').pop().replace(/^trace: /, '');
  leaveOut(`${readdirSync(folder).length > 0 ? 'some' : 'all'} traces: ${why}`);
  return false;
}

function trace(root, folder) {
  return spawnSync('python3', [path.join(root, TRACER), '--all', folder],
    { encoding: 'utf8', cwd: root });
}
