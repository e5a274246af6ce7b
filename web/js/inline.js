// For bundlers that don't take the module along (esbuild): it is in the script, as text.

import { makeConnect } from './connect.js';
import { Engine, Link, initSync } from './lasting.js';
import text from './lasting_inline.js';

async function load() {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const { memory } = initSync({ module: await WebAssembly.compile(bytes) });
  return { Engine, Link, memory };
}

export const connect = makeConnect({ load, loadLasting: load });
export { OttlaError } from './errors.js';
