// The recorded scenes. tests/trace runs the servers for them, which takes a while; so what it says
// is kept for as long as neither a stage nor the tracer has changed.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
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
  const folder = path.join(book.root, 'build/book-cache/traces', state(book));
  const fresh = `${folder}.new`;
  if (!existsSync(folder) && record(book.root, fresh)) renameSync(fresh, folder);
  return scenesIn(existsSync(folder) ? folder : fresh);
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

/** Record all scenes into a new folder, and remove older ones; return whether all are there.
 *
 * On a machine that is very busy a scene may fail for once. If it fails again, the book goes
 * without that scene, and the next build tries once more. */
function record(root, folder) {
  rmSync(path.dirname(folder), { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  let run = trace(root, folder);
  if (run.status !== 0 && readdirSync(folder).length > 0) run = trace(root, folder);
  if (run.status === 0) return true;
  const some = readdirSync(folder).length > 0;
  leaveOut(`${some ? 'some' : 'all'} traces: ${run.stderr.trim().split('\n').pop()}`);
  return false;
}

function trace(root, folder) {
  return spawnSync('python3', [path.join(root, TRACER), '--all', folder],
    { encoding: 'utf8', cwd: root });
}
