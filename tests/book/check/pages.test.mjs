// A page of each kind, for all readers: see readers.mjs.

import { KINDS } from './kinds.mjs';
import { isForAllReaders } from './readers.mjs';

for (const where of KINDS) isForAllReaders(where);
