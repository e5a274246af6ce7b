// The entry for Node, Bun and Deno, which all have Node's sockets.

import { readFile } from 'node:fs/promises';

import { makeConnectBrokers } from './brokers.js';
import { makeConnect } from './connect.js';
import * as glue from './full_bg.js';
import { start } from './start.js';
import { opener } from './tcp_node.js';

async function load() {
  const bytes = await readFile(new URL('./full_bg.wasm', import.meta.url));
  return start('./full_bg.js', glue, await WebAssembly.compile(bytes));
}

export const connect = makeConnect({ load, connectBrokers: makeConnectBrokers(opener) });
export { OttlaError } from './errors.js';
