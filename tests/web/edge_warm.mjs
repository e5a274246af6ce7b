// URL: what an edge function's requests cost, one after the other and several at once. The topics
// `edge` and `edge-slow` are there.

import assert from 'node:assert/strict';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { connect } from 'ottla/edge';

const [url] = process.argv.slice(2);
const { fetch } = globalThis;
let requests = 0;
let delay = 0;
globalThis.fetch = async (...given) => {
  requests += 1;
  await sleep(delay);
  return fetch(...given);
};

async function handle(number) {
  const producer = await connect({ url });
  const sent = producer.send({ topic: 'edge', value: `request ${number}` });
  await producer.close();
  await assert.rejects(producer.send({ topic: 'edge', value: 'late' }), { code: 'CLOSED' });
  return (await sent).offset;
}

assert.equal(await handle(0), 0);
for (let number = 1; number < 10; number += 1) {
  const before = requests;
  assert.equal(await handle(number), number);
  assert.equal(requests, before + 1, 'one request where there is a lease');
}
// Those at work at a time each have a producer of their own.
for (let number = 10; number < 40; number += 3) {
  await Promise.all([handle(number), handle(number + 1), handle(number + 2)]);
}

// What is asked about the topic while a record is under way is not answered before it: that would
// end the session, and the record would be sent again.
const slow = await connect({ url, config: { 'metadata.max.age.ms': 50 } });
await slow.send({ topic: 'edge-slow', value: 'at once' });
delay = 500;
const before = slow.metrics();
await slow.send({ topic: 'edge-slow', value: 'at last' });
const after = slow.metrics();
assert(after.metadataUpdates > before.metadataUpdates, 'it was asked');
assert.equal(after.recordsRetried, before.recordsRetried);
const last = slow.send({ topic: 'edge-slow', value: 'without a limit' });
await slow.close({ timeout: Infinity });
await last;
delay = 0;

// An answer that never comes holds up no other request for longer than the producer waits for it.
const hung = await connect({ url, config: { 'request.timeout.ms': 1000, 'delivery.timeout.ms': 10_000 } });
await hung.send({ topic: 'edge-slow', value: 'answered' });
const { fetch: counted } = globalThis;
globalThis.fetch = (to, { signal }) => {
  globalThis.fetch = counted;
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
};
await hung.send({ topic: 'edge-slow', value: 'sent again' });
await hung.close();
