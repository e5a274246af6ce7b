// BROKERS URL: little memory, many records. The topic `pressure` is there.

import assert from 'node:assert/strict';
import process from 'node:process';

import { connect } from 'ottla';

const [brokers, url] = process.argv.slice(2);
const MEMORY = 256 * 1024;
const value = 'x'.repeat(1000);

for (const where of [{ brokers }, { url }]) {
  const config = { 'buffer.memory': MEMORY, 'linger.ms': 0 };
  const producer = await connect({ ...where, config });

  // A stream waits for the broker: nothing is refused, however much there is.
  const writer = producer.writable('pressure', { highWaterMark: 128 * 1024 }).getWriter();
  for (let count = 0; count < 2000; count += 1) {
    await writer.ready;
    writer.write(value);
  }
  await writer.close();
  assert.equal(producer.metrics().recordsAcknowledged, 2000);

  // Who doesn't wait is refused what there is no room for, twice the memory after all.
  const sent = Array.from({ length: 2000 }, () => producer.send({ topic: 'pressure', value }));
  const outcomes = await Promise.allSettled(sent);
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  assert.ok(refused.length > 500, `${refused.length} refused`);
  for (const { reason } of refused) {
    assert.deepEqual([reason.code, reason.retriable, reason.written], ['BUFFER_FULL', true, 'no']);
  }
  const stored = outcomes.filter(({ status }) => status === 'fulfilled').length;
  assert.ok(stored * value.length > MEMORY, `${stored} stored`);

  const metrics = producer.metrics();
  assert.equal(metrics.recordsAcknowledged, 2000 + stored);
  assert.equal(metrics.bufferAvailableBytes, metrics.bufferTotalBytes);
  assert.equal(metrics.promisesOpen, 0);
  await producer.close();
}
