// Single requests, for whatever fetches the module.

import { makeEdgeConnect } from './edge_connect.js';
import { load } from './load_browser.js';

export const connect = makeEdgeConnect(load);
export { OttlaError } from './errors.js';
