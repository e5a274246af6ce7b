// The entry for browsers, and for whatever else fetches.

import { makeConnect } from './connect.js';
import init from './core.js';

async function load() {
  return (await init({ module_or_path: new URL('./core_bg.wasm', import.meta.url) })).memory;
}

export const connect = makeConnect({ load });
export { OttlaError } from './errors.js';
