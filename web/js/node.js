// The entry for Node, Bun and Deno, which all have Node's sockets.

import { readFile } from 'node:fs/promises';

import { makeConnectBrokers } from './brokers.js';
import { makeConnect } from './connect.js';
import * as glue from './full_bg.js';
import { start } from './start.js';
import { opener } from './tcp_node.js';

const compile = async () => WebAssembly.compile(await readFile(new URL('./full_bg.wasm', import.meta.url)));
const load = () => start('./full_bg.js', glue, compile);

export const connect = makeConnect({ load, connectBrokers: makeConnectBrokers(opener) });
export { OttlaError } from './errors.js';
