import * as glue from './core_bg.js';
import { fetchAndStart } from './start.js';

/** Makes the module, which a bundler takes along; resolves with what it exports. */
export function load() {
  return fetchAndStart('./core_bg.js', glue, new URL('./core_bg.wasm', import.meta.url));
}
