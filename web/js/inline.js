// For bundlers that don't take the module along (esbuild): it is in the script, as text.

import { makeConnect } from './connect.js';
import { Engine, Link, initSync } from './core.js';
import text from './core_inline.js';

async function load() {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const { memory } = initSync({ module: await WebAssembly.compile(bytes) });
  return { Engine, Link, memory };
}

export const connect = makeConnect({ load });
export { OttlaError } from './errors.js';
