// BROKER CA: every login over TLS, and what is refused there. The topic is `logins`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import process from 'node:process';

import { connect } from 'ottla';

const [brokers, authority] = process.argv.slice(2);
const tls = { ca: readFileSync(authority) };
const alice = { username: 'alice', password: 'alice-secret' };

/** A token that nobody signed, which the broker takes; valid for some seconds. */
export function token(subject, seconds = 3600) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  return `${encode({ alg: 'none' })}.${encode({ sub: subject, iat, exp: iat + seconds })}.`;
}

const logins = [
  { ...alice },
  { mechanism: 'SCRAM-SHA-256', ...alice },
  { mechanism: 'SCRAM-SHA-512', ...alice },
  { mechanism: 'OAUTHBEARER', token: token('alice') },
  { mechanism: 'OAUTHBEARER', token: async () => token('alice'), extensions: { traceId: '7' } },
];
for (const [which, sasl] of logins.entries()) {
  const producer = await connect({ brokers, tls, sasl });
  const values = Array.from({ length: 100 }, (_, index) => ({ value: `${which} ${index}` }));
  const stored = await producer.sendBatch('logins', values);
  assert.equal(stored.at(-1).offset, which * 100 + 99);
  await producer.close();
}

/** One error, and at once; no secret is in it. */
async function refused(sasl, text) {
  const producer = await connect({ brokers, tls, sasl });
  const begun = performance.now();
  const error = await producer.send({ topic: 'logins', value: 'x' }).catch((reason) => reason);
  assert.equal(error.code, 'AUTHENTICATION_FAILED', String(error));
  assert.equal(error.written, 'no');
  assert.match(error.message, text);
  assert.doesNotMatch(error.message, /wrong-secret/);
  assert.ok(performance.now() - begun < 10_000, 'it is told at once');
  await producer.close();
}
const wrong = { ...alice, password: 'wrong-secret' };
await refused(wrong, /refused the PLAIN login of "alice"/);
await refused({ mechanism: 'SCRAM-SHA-512', ...wrong }, /refused the SCRAM-SHA-512 login of "alice"/);
await refused({ mechanism: 'OAUTHBEARER', token: 'wrong-secret' }, /refused the OAUTHBEARER login/);
const down = () => Promise.reject(new Error('the token server is down'));
await refused({ mechanism: 'OAUTHBEARER', token: down }, /no token: the token server is down/);
// One that does not answer has a while, here a short one.
const { setTimeout: later } = globalThis;
globalThis.setTimeout = (callback, ms, ...given) => later(callback, ms === 20_000 ? 100 : ms, ...given);
const silent = () => new Promise(() => {});
await refused({ mechanism: 'OAUTHBEARER', token: silent }, /no token: the function did not answer in time/);
globalThis.setTimeout = later;
const unsigned = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wrong-secret' };
for (const credentials of [unsigned, async () => unsigned]) {
  const sasl = { mechanism: 'AWS_MSK_IAM', region: 'eu-west-1', credentials };
  await refused(sasl, /refused the AWS_MSK_IAM login.*it takes .*SCRAM-SHA-512/s);
}
const misspelt = connect({ brokers, tls, sasl: { mechanism: 'SCRAM' } });
await assert.rejects(misspelt, { code: 'CONFIGURATION', message: /PLAIN, SCRAM-SHA-256/ });
