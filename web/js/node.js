// The entry for Node, Bun and Deno, which all have Node's sockets.

import { readFile } from 'node:fs/promises';

import { makeConnectBrokers } from './brokers.js';
import { makeConnect } from './connect.js';
import { Engine, Link, initSync } from './full.js';
import { opener } from './tcp_node.js';

async function load() {
  const bytes = await readFile(new URL('./full_bg.wasm', import.meta.url));
  const { memory } = initSync({ module: await WebAssembly.compile(bytes) });
  return { Engine, Link, memory };
}

export const connect = makeConnect({ load, connectBrokers: makeConnectBrokers(opener) });
export { OttlaError } from './errors.js';
