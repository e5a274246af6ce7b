// The JavaScript clients under the benchmark's contract, in two ways: `way=single` sends one record
// a call with many on their way, `way=batches` a thousand records a call with five on their way.

import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

const IN_FLIGHT = { single: 1000, batches: 5 };
const RECORDS = { single: 1, batches: 1000 };

const words = Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s)));
const client = await import(`./${words.client}.mjs`);
const payload = readFileSync(words.payload);
const recordBytes = Number(words['record-bytes']);
let at = 0;

/** The next records: parts of the payload, not copies. */
function next(count) {
  const values = [];
  for (let index = 0; index < count; index += 1) {
    if (at + recordBytes > payload.length) at = 0;
    values.push(payload.subarray(at, (at += recordBytes)));
  }
  return values;
}

/** Sends so many, keeps as many calls on their way as there may be, and awaits all. */
async function send(producer, records) {
  let left = records;
  let acknowledged = 0;
  const worker = async () => {
    while (left > 0) {
      const count = Math.min(RECORDS[words.way], left);
      left -= count;
      await producer.send(next(count));
      acknowledged += count;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT[words.way] }, worker));
  return acknowledged;
}

function peakMemory() {
  const line = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(line[1]) * 1024;
}

const producer = await client.connect({
  brokers: words.bootstrap,
  topic: words.topic,
  compression: words.compression,
  lingerMs: Number(words['linger-ms']),
  batchBytes: Number(words['batch-bytes']),
  bufferBytes: Number(words['buffer-bytes']),
});
await send(producer, Number(words.warmup));
const cpu = process.cpuUsage();
const start = performance.now();
const acknowledged = await send(producer, Number(words.records));
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
const result = {
  version: client.version,
  acknowledged,
  seconds,
  cpu_user_s: user / 1e6,
  cpu_system_s: system / 1e6,
  peak_memory_bytes: peakMemory(),
  latency_us: null,
};
console.log(JSON.stringify(result));
await producer.close();
