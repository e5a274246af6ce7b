// What the module that stores batches consists of, for `fetchAndStart`.

import * as glue from './lasting_bg.js';

export const lasting = [
  './lasting_bg.js',
  glue,
  new URL('./lasting_bg.wasm', import.meta.url),
];
