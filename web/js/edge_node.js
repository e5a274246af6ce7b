// Single requests in Node, Bun and Deno.

import { readFile } from 'node:fs/promises';

import * as glue from './core_bg.js';
import { makeEdgeConnect } from './edge_connect.js';
import { start } from './start.js';

async function load() {
  const bytes = await readFile(new URL('./core_bg.wasm', import.meta.url));
  return start('./core_bg.js', glue, await WebAssembly.compile(bytes));
}

export const connect = makeEdgeConnect(load);
export { OttlaError } from './errors.js';
