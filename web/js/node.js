// The entry for Node, Bun and Deno, which all have Node's sockets.

import { readFile } from 'node:fs/promises';

import { makeConnect } from './connect.js';
import { initSync } from './core.js';
import { opener } from './tcp_node.js';

async function load() {
  const bytes = await readFile(new URL('./core_bg.wasm', import.meta.url));
  return initSync({ module: await WebAssembly.compile(bytes) }).memory;
}

export const connect = makeConnect({ load, tcp: opener });
export { OttlaError } from './errors.js';
