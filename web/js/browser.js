// The entry for browsers, and for whatever else fetches.

import { makeConnect } from './connect.js';
import { load } from './load_browser.js';

const loadLasting = async () => (await import('./load_lasting.js')).load();

export const connect = makeConnect({ load, loadLasting });
export { OttlaError } from './errors.js';
