// URL OTHER: an isolate's requests when the bridge no longer knows its lease, as one does that has
// begun anew under another key. The topic `edge-moved` is there.

import assert from 'node:assert/strict';
import process from 'node:process';

import { connect } from 'ottla/edge';

const [url, other] = process.argv.slice(2);
const { fetch } = globalThis;
let { port } = new URL(url);
globalThis.fetch = (given, options) => fetch(Object.assign(new URL(given), { port }), options);

async function handle(value) {
  const producer = await connect({ url });
  const sent = producer.send({ topic: 'edge-moved', value });
  const outcome = sent.then(({ offset }) => offset, ({ code }) => code);
  await producer.close();
  return outcome;
}

assert.equal(await handle('before'), 0);
({ port } = new URL(other));
assert.equal(await handle('refused'), 'LEASE_LOST');
assert.equal(await handle('after'), 1);
assert.equal(await handle('warm'), 2);
