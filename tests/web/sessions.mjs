// BROKERS SECONDS: under load while tokens and sessions of 4 s end. Prints how many records.

import assert from 'node:assert/strict';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { connect } from 'ottla';

const [brokers, seconds] = process.argv.slice(2);
let asked = 0;

/** Takes its time, and is over soon after. */
async function token() {
  asked += 1;
  await sleep(200);
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  return `${encode({ alg: 'none' })}.${encode({ sub: 'alice', iat, exp: iat + 6 })}.`;
}

const sasl = { mechanism: 'OAUTHBEARER', token };
const producer = await connect({ brokers, sasl, config: { retries: 1 } });
const end = performance.now() + Number(seconds) * 1000;
const sent = [];
while (performance.now() < end) {
  for (let index = 0; index < 20; index += 1) {
    sent.push(producer.send({ topic: 'sessions', value: String(sent.length) }));
  }
  await sleep(5);
}
await Promise.all(sent);
const { recordsFailed, connectionsOpened } = producer.metrics();
assert.equal(recordsFailed, 0);
// Each login asks for a token. Where the machine stands still, a session may end and cost a connection;
// the others were renewed.
const renewed = asked - connectionsOpened;
assert.ok(renewed >= Number(seconds) / 8, `${asked} tokens for ${connectionsOpened} connections`);
await producer.close();
console.log(sent.length);
