// The entry for workerd: Cloudflare Workers and what is built on it.

import { makeConnectBrokers } from './brokers.js';
import { makeConnect } from './connect.js';
import * as glue from './full_bg.js';
import module from './full_bg.wasm';
import { start } from './start.js';
import { opener } from './tcp_workerd.js';

const load = () => start('./full_bg.js', glue, () => module);

export const connect = makeConnect({ load, connectBrokers: makeConnectBrokers(opener) });
export { OttlaError } from './errors.js';
