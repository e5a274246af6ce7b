// Single requests in workerd, where a bundler has compiled the module.

import * as glue from './core_bg.js';
import module from './core_bg.wasm';
import { makeEdgeConnect } from './edge_connect.js';
import { start } from './start.js';

const load = () => start('./core_bg.js', glue, () => module);

export const connect = makeEdgeConnect(load);
export { OttlaError } from './errors.js';
