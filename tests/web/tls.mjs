// BROKER CA OTHER TOPIC: over TLS with a login, and what is refused there. OTHER is the broker by a
// name that its certificate does not have.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import process from 'node:process';

import { connect } from 'ottla';

const [brokers, authority, other, topic] = process.argv.slice(2);
const tls = { ca: readFileSync(authority) };
const sasl = { mechanism: 'SCRAM-SHA-512', username: 'alice', password: 'alice-secret' };

const producer = await connect({ brokers, tls, sasl });
const values = Array.from({ length: 100 }, (_, index) => ({ value: `secret ${index}` }));
const stored = await producer.sendBatch(topic, values);
assert.equal(stored.at(-1).offset, 99);
await producer.close();

const unknown = [{ brokers, tls: true, sasl }, /certificate|issuer|authority/i];
const misnamed = [{ brokers: other, tls, sasl }, /certificate|altname|name/i];
for (const [options, text] of [unknown, misnamed]) {
  const refused = await connect(options);
  const begun = performance.now();
  const error = await refused.send({ topic, value: 'x' }).catch((reason) => reason);
  console.log(error.message);
  assert.equal(error.code, 'AUTHENTICATION_FAILED', String(error));
  assert.match(error.message, text);
  assert.ok(error.message.includes(options.brokers), error.message);
  assert.equal(error.written, 'no');
  assert.ok(performance.now() - begun < 10_000, 'it is told at once');
  await refused.close();
}
