// The pages of the READMEs, for all readers: see readers.mjs. They are laid out alike, so two views
// of each are enough: wide and light, narrow and dark.

import { READMES } from './kinds.mjs';
import { VIEWS, isForAllReaders } from './readers.mjs';

for (const where of READMES) isForAllReaders(where, VIEWS.slice(0, 2));
