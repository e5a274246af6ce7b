// BROKERS URL CALL: the module stops in CALL with a trap, as it does when no memory is left. The topic
// `crash` is there. Everything that is pending is rejected, nothing is thrown where nobody catches it, and
// the process ends by itself.

import assert from 'node:assert/strict';
import process from 'node:process';

import { connect, OttlaError } from 'ottla';

import { trapIn } from './trap.mjs';

const [brokers, url, call] = process.argv.slice(2);

const crash = trapIn(call);

async function crashes(promise, written) {
  const error = await promise.then((value) => assert.fail(`${JSON.stringify(value)}`), (reason) => reason);
  assert.ok(error instanceof OttlaError, String(error));
  const { code, retriable, fatal } = error;
  assert.deepEqual([code, retriable, fatal, error.written], ['CRASHED', false, true, written]);
  assert.match(error.message, /load the page, or start the process, again/);
  assert.ok(error.cause instanceof WebAssembly.RuntimeError);
}

const lingering = await connect({ brokers, config: { 'linger.ms': 60_000 } });
const bridged = await connect({ url, config: { 'linger.ms': 0 } });
const record = { topic: 'crash', value: 'x' };
await bridged.send(record);
const pending = lingering.send(record);
const all = lingering.sendBatch('crash', [record, record]);
// There is no such partition, so the flush has not begun to send the others when the module stops.
const waits = lingering.send({ ...record, partition: 77 });
const reports = lingering.reports();
await new Promise((resolve) => setTimeout(resolve));
const flushed = lingering.flush();
crash();
const answered = bridged.send(record);
await crashes(pending, 'maybe');
await crashes(all, 'maybe');
await crashes(waits, 'maybe');
await crashes(answered, 'maybe');
await flushed;
assert.equal((await reports.next()).value.error.code, 'CRASHED');
await crashes(lingering.send(record), 'no');
await crashes(bridged.sendBatch('crash', [record]), 'no');
await crashes(connect({ url }), 'no');
await crashes(connect({ brokers }), 'no');
assert.equal(typeof bridged.metrics(), 'object');
await Promise.all([lingering.close(), bridged.close()]);
