// URL: what an edge function's requests cost, one after the other and several at once. The topic
// `edge` is there.

import assert from 'node:assert/strict';
import process from 'node:process';

import { connect } from 'ottla/edge';

const [url] = process.argv.slice(2);
const { fetch } = globalThis;
let requests = 0;
globalThis.fetch = (...given) => {
  requests += 1;
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
