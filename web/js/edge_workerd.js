// Single requests in workerd, where a bundler has compiled the module.

import { Engine, Link, initSync } from './core.js';
import module from './core_bg.wasm';
import { makeEdgeConnect } from './edge_connect.js';

async function load() {
  const { memory } = initSync({ module });
  return { Engine, Link, memory };
}

export const connect = makeEdgeConnect(load);
export { OttlaError } from './errors.js';
