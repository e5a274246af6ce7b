import * as glue from './lasting_bg.js';
import { fetchAndStart } from './start.js';

/** Makes the module that stores batches; resolves with what it exports. */
export function load() {
  return fetchAndStart('./lasting_bg.js', glue, new URL('./lasting_bg.wasm', import.meta.url));
}
