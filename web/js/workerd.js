// The entry for workerd: Cloudflare Workers and what is built on it.

import { makeConnectBrokers } from './brokers.js';
import { makeConnect } from './connect.js';
import { Engine, Link, initSync } from './full.js';
import module from './full_bg.wasm';
import { opener } from './tcp_workerd.js';

async function load() {
  const { memory } = initSync({ module });
  return { Engine, Link, memory };
}

export const connect = makeConnect({ load, connectBrokers: makeConnectBrokers(opener) });
export { OttlaError } from './errors.js';
