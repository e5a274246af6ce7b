// The worker that has the one connection of all tabs.

import { connect } from './browser.js';
import { runHost } from './host.js';

// What the tab called it: the queue, and a line that tells it from those before it.
runHost(self.name.split('\n')[0], connect);
