// The entry for workerd: Cloudflare Workers and what is built on it.

import { makeConnect } from './connect.js';
import { initSync } from './core.js';
import module from './core_bg.wasm';
import { opener } from './tcp_workerd.js';

const load = async () => initSync({ module }).memory;

export const connect = makeConnect({ load, tcp: opener });
export { OttlaError } from './errors.js';
