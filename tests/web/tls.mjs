// BROKER CA: over TLS with a login, and what is refused there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import process from 'node:process';

import { connect } from 'ottla';

const [brokers, authority] = process.argv.slice(2);
const tls = { ca: readFileSync(authority) };
const sasl = { username: 'alice', password: 'alice-secret' };

const producer = await connect({ brokers, tls, sasl });
const values = Array.from({ length: 100 }, (_, index) => ({ value: `secret ${index}` }));
const stored = await producer.sendBatch('tls', values);
assert.equal(stored.at(-1).offset, 99);
await producer.close();

for (const wrong of [{ tls: true }, { sasl: { ...sasl, password: 'wrong' } }]) {
  const refused = await connect({ brokers, tls, sasl, ...wrong });
  const begun = performance.now();
  const error = await refused.send({ topic: 'tls', value: 'x' }).catch((reason) => reason);
  assert.equal(error.code, 'AUTHENTICATION_FAILED', String(error));
  assert.equal(error.written, 'no');
  assert.ok(performance.now() - begun < 10_000, 'it is told at once');
  await refused.close();
}
