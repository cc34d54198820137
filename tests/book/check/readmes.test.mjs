// The pages of the READMEs, for all readers: see readers.mjs.

import { READMES } from './kinds.mjs';
import { isForAllReaders } from './readers.mjs';

for (const where of READMES) isForAllReaders(where);
