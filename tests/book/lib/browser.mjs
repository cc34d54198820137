// Chromium, for drawing the diagrams and for the tests. Debian's package is enough: nothing is
// downloaded. It opens pages of the book alone, so it needs no sandbox, which root could not use.

import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

// What a browser would do on its own accord, and a build has no use for.
const QUIET = ['--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Return the path of Chromium, or null where none is installed. */
export function chromiumPath(directories = (process.env.PATH ?? '').split(path.delimiter)) {
  const all = NAMES.flatMap((name) => directories.map((one) => path.join(one || '.', name)));
  return all.find(isExecutable) ?? null;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Start Chromium without a window and return playwright's browser; null where there is none. */
export async function startChromium() {
  const executablePath = chromiumPath();
  if (executablePath === null) return null;
  const { chromium } = await import('playwright-core');
  return chromium.launch({ executablePath, args: QUIET, chromiumSandbox: false });
}
