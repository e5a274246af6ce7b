// Single requests in Node, Bun and Deno.

import { readFile } from 'node:fs/promises';

import { Engine, Link, initSync } from './core.js';
import { makeEdgeConnect } from './edge_connect.js';

async function load() {
  const bytes = await readFile(new URL('./core_bg.wasm', import.meta.url));
  const { memory } = initSync({ module: await WebAssembly.compile(bytes) });
  return { Engine, Link, memory };
}

export const connect = makeEdgeConnect(load);
export { OttlaError } from './errors.js';
