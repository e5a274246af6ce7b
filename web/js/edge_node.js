// Single requests in Node, Bun and Deno.

import { readFile } from 'node:fs/promises';

import * as glue from './core_bg.js';
import { makeEdgeConnect } from './edge_connect.js';
import { start } from './start.js';

const compile = async () => WebAssembly.compile(await readFile(new URL('./core_bg.wasm', import.meta.url)));
const load = () => start('./core_bg.js', glue, compile);

export const connect = makeEdgeConnect(load);
export { OttlaError } from './errors.js';
