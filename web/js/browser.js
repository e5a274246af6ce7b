// The entry for browsers, and for whatever else fetches.

import { makeConnect } from './connect.js';
import init, { Engine, Link } from './core.js';

async function load() {
  const url = new URL('./core_bg.wasm', import.meta.url);
  const { memory } = await init({ module_or_path: url });
  return { Engine, Link, memory };
}

export const connect = makeConnect({ load });
export { OttlaError } from './errors.js';
