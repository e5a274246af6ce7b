// The entry for browsers, and for whatever else fetches.

import { makeConnect } from './connect.js';
import { load } from './load_browser.js';
import { fetchAndStart } from './start.js';

const loadLasting = async () => fetchAndStart(...(await import('./load_lasting.js')).lasting);

export const connect = makeConnect({ load, loadLasting });
export { OttlaError } from './errors.js';
