// BROKERS URL: what is refused, and what the refusal says. The topic `errors` has two partitions.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import process from 'node:process';

import { connect, OttlaError } from 'ottla';
import { connect as connectEdge } from 'ottla/edge';

const [brokers, url] = process.argv.slice(2);

/** The promise is rejected with this code and a text like that. */
async function refused(promise, code, text, { retriable = false, written = 'no' } = {}) {
  const error = await promise.then(
    (value) => assert.fail(`not refused: ${JSON.stringify(value)}`),
    (reason) => reason,
  );
  assert.ok(error instanceof OttlaError, String(error));
  assert.match(error.message, text);
  const { code: actual, retriable: again, written: stored } = error;
  assert.deepEqual([actual, again, stored], [code, retriable, written], error.message);
}

await refused(connect({}), 'CONFIGURATION', /either url or brokers/);
await refused(connect({ brokers: 'no port' }), 'CONFIGURATION', /bootstrap.servers/);
await refused(connect({ brokers, config: { 'lingr.ms': 1 } }), 'CONFIGURATION', /unknown .*lingr.ms/);
await refused(connect({ brokers, config: { 'linger.ms': 'x' } }), 'CONFIGURATION', /linger.ms/);
for (const wrong of ['nonsense', 'localhost:19480', 'ftp://127.0.0.1', 'file:///bridge', {}]) {
  await refused(connect({ url: wrong }), 'CONFIGURATION', /no URL of a bridge/);
  await refused(connectEdge({ url: wrong }), 'CONFIGURATION', /no URL of a bridge/);
}
for (const token of [5, async () => ({})]) {
  await refused(connect({ url, token }), 'UNAUTHENTICATED', /no text/);
  await refused(connectEdge({ url, token }), 'UNAUTHENTICATED', /no text/);
}
for (const timeout of ['x', -5, NaN, Infinity]) {
  await refused(connect({ url, timeout }), 'CONFIGURATION', /timeout/);
  await refused(connectEdge({ url, timeout }), 'CONFIGURATION', /timeout/);
}
await refused(connect({ brokers, ssl: true, sasl: {} }), 'CONFIGURATION', /ssl .* tls/);
for (const option of ['broker', 'durable', 'shared', 'token', 'timeout']) {
  await refused(connect({ brokers, [option]: 1 }), 'CONFIGURATION', new RegExp(`${option} is no .* brokers`));
}
for (const option of ['urls', 'tls', 'sasl', 'channel', 'transactionalId']) {
  await refused(connect({ url, [option]: 1 }), 'CONFIGURATION', new RegExp(`${option} is no .* url`));
}
await refused(connectEdge({ url, durable: true }), 'CONFIGURATION', /durable/);
await refused(connect({ brokers, tls: 5 }), 'CONFIGURATION', /tls/);
await connect({ brokers, tls: undefined, durable: undefined }).then((producer) => producer.close());
await connect({ url: `${url}#there` }).then((producer) => producer.close());
await impossible(WebSocket);
await refused(connect({ url, config: { acks: 1 } }), 'CONFIGURATION', /acks/);
const nowhere = connect({ url: 'http://127.0.0.1:1', timeout: 1000 });
await refused(nowhere, 'UNREACHABLE', /bridge/, { retriable: true });

// As on a page of `https:` whose bridge has `ws:`. The module is none the worse for it.
async function impossible(possible) {
  globalThis.WebSocket = class {
    constructor() {
      throw new DOMException('not from here', 'SecurityError');
    }
  };
  const forbidden = connect({ url, timeout: 500 });
  await refused(forbidden, 'UNREACHABLE', /not from here/, { retriable: true });
  globalThis.WebSocket = possible;
}

for (const where of [{ brokers }, { url }]) {
  const producer = await connect({ ...where, config: { 'max.block.ms': 2000 } });
  const send = (record, options) => producer.send({ topic: 'errors', ...record }, options);
  await refused(send({ value: { a: 1 } }), 'INVALID_RECORD', /JSON.stringify/);
  await refused(send({ value: 'v', partition: -1 }), 'INVALID_RECORD', /partition/);
  await refused(send({ value: 'v', topic: '' }), 'INVALID_RECORD', /topic/);
  await refused(send({ key: 'k', valeu: 'v' }), 'INVALID_RECORD', /value/);
  for (const none of ['a', 5, null, undefined, {}]) {
    await refused(producer.sendBatch('errors', [none]), 'INVALID_RECORD', /value/);
  }
  for (const none of ['abc', 5, null, undefined, { length: 1 }, new Set([{ value: 'v' }])]) {
    await refused(producer.sendBatch('errors', none), 'INVALID_RECORD', /array/);
    await refused(producer.send(none), 'INVALID_RECORD', /topic/);
  }
  const writer = producer.writable('errors').getWriter();
  await refused(writer.write(5).then(() => writer.close()), 'INVALID_RECORD', /value/);
  await refused(send({ value: 'x'.repeat(2 ** 21) }), 'RECORD_TOO_LARGE', /max.request.size/);
  // More than the module could have, which would end it.
  await refused(send({ value: new Uint8Array(2 ** 31) }), 'RECORD_TOO_LARGE', /too large/);
  const missing = /partition 77 .* partition count 2/;
  const held = refused(send({ value: 'v', partition: 77 }), 'NOT_IN_METADATA', missing, { retriable: true });
  const others = [send({ value: 'to another partition' }), producer.sendBatch('errors', [{ value: 'v', partition: 1 }])];
  const first = Promise.all(others).then(() => 'others');
  assert.equal(await Promise.race([held, first]), 'others', 'nobody waits for a partition that is not theirs');
  await held;
  await assert.rejects(send({ value: 'v' }, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  const abort = new AbortController();
  const sent = send({ value: 'aborted' }, { signal: abort.signal });
  abort.abort();
  await refused(sent, 'ABORTED', /may be stored/, { written: 'maybe' });
  const { signal } = new AbortController();
  await send({ value: 'heard' }, { signal });
  await refused(send({ value: { a: 1 } }, { signal }), 'INVALID_RECORD', /JSON.stringify/);
  assert.deepEqual(getEventListeners(signal, 'abort'), [], 'nobody listens any more');
  const batch = producer.sendBatch('errors', [{ value: 'good' }, { value: 1 }]);
  const error = await batch.catch((reason) => reason);
  assert.equal(error.code, 'INVALID_RECORD');
  assert.equal(typeof error.outcomes[0].offset, 'number');
  // Batches that fail for the same reason at the same time have outcomes of their own.
  const nowhere = [1, 2].map((count) => producer.sendBatch('errors', Array(count).fill({ value: 'v', partition: 77 })));
  const reasons = (await Promise.allSettled(nowhere)).map(({ reason }) => reason);
  assert.deepEqual(reasons.map(({ code }) => code), ['NOT_IN_METADATA', 'NOT_IN_METADATA']);
  assert.deepEqual(reasons.map(({ outcomes }) => outcomes.length), [1, 2]);
  await producer.flush();

  // What is aborted while it waits is not sent, and holds up nothing.
  const patient = await connect(where);
  const gone = new AbortController();
  const hopeless = ['errors', 'nowhere'].map((topic) =>
    patient.send({ topic, value: 'v', partition: 77 }, { signal: gone.signal }));
  await patient.send({ topic: 'errors', value: 'v' });
  const reports = patient.reports();
  gone.abort();
  for (const it of hopeless) await refused(it, 'ABORTED', /may be stored/, { written: 'maybe' });
  const { value: report } = await reports.next();
  assert.deepEqual([report.error.code, report.error.written], ['ABORTED', 'no']);
  await patient.flush();
  await patient.close({ timeout: 0 });

  // A flush and an end come after records that wait for their topic.
  const fresh = await connect(where);
  const waits = fresh.send({ topic: 'errors', value: 'waits' });
  await fresh.flush();
  assert.equal(fresh.metrics().recordsAcknowledged, 1);
  await waits;
  await fresh.close();
  const brief = await connect(where);
  const last = brief.send({ topic: 'errors', value: 'waits' });
  await brief.close();
  assert.equal(typeof (await last).offset, 'number');

  await producer.close();
  await refused(send({ value: 'v' }), 'CLOSED', /closed/);
}
