// URL: what `connect` waits for never comes. It ends in time all the same, with nothing left behind. The
// topic `late` is there.

import assert from 'node:assert/strict';
import process from 'node:process';

import { connect } from 'ottla';

const [url] = process.argv.slice(2);
const never = new Promise(() => {});

/** Every WebSocket that there was. */
const sockets = [];
globalThis.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    sockets.push(this);
  }
};

// A function for the token that does not answer is asked again after a while, here a short one.
const { setTimeout: after } = globalThis;
globalThis.setTimeout = (callback, ms, ...given) => after(callback, ms === 20_000 ? 100 : ms, ...given);
const silent = await connect({ url, token: () => never, timeout: 5000 }).catch((error) => error);
assert.equal(silent.code, 'UNAUTHENTICATED', silent.message);
assert.match(silent.message, /the function did not answer in time/);
const answers = ['', never, ''];
const patient = await connect({ url, token: () => answers.shift() });
sockets.at(-1).close();
await patient.send({ topic: 'late', value: 'v' }, { signal: AbortSignal.timeout(20_000) });
assert.equal(answers.length, 0);
await patient.close();
