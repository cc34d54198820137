// The book, served by `make read`'s program, for as long as the tests need it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../read.py', import.meta.url));
const PATIENCE = 15000;

/**
 * Serve a folder and return { url, stop, ended }. `stop` sends Ctrl-C and returns the exit status;
 * `ended` is a promise of the status.
 */
export async function serve(folder) {
  const server = spawn('python3', [PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PORT: '0', BOOK: path.resolve(folder) } });
  const ended = once(server, 'exit').then(([status, signal]) => signal ?? status);
  const url = await addressFrom(server, ended);
  return { url, ended, stop: () => (server.kill('SIGINT'), ended) };
}

// Wait for the line that says where the book is.
async function addressFrom(server, ended) {
  const limit = setTimeout(() => server.kill(), PATIENCE);
  ended.then(() => clearTimeout(limit));
  const seen = [];
  for await (const line of readline.createInterface({ input: server.stdout })) {
    seen.push(line);
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(line)?.[0];
    if (url !== undefined) {
      clearTimeout(limit);
      server.stdout.resume();
      return url;
    }
  }
  throw new Error(`read.py printed no address, but: ${seen.join('\n') || 'nothing'}`);
}
