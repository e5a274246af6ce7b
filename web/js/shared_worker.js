// The worker that has the one connection of all tabs.

import { runHost } from './host.js';

// With the first tab that connects: a page that has no such worker loads all of it at once, in one
// file. What the tab called the worker: the queue, and a line that tells it from those before it.
const connect = async (options) => (await import('./browser.js')).connect(options);
// One that has failed would only be in the way of the next, which may be called the same.
runHost(self.name.split('\n')[0], connect, () => setTimeout(close));
