// Where the book is, and where what it is made of.

import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the repository. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** The folder of the book. BOOK_FOLDER names another one. */
export const FOLDER = process.env.BOOK_FOLDER ?? path.join(ROOT, 'build/book');
/** The address of the book, with a slash at its end. Whoever serves it sets BOOK_URL. */
export const URL_OF_BOOK = process.env.BOOK_URL ?? '';
