// What a program in TypeScript writes; only compiled.

import { connect, OttlaError, type Producer, type Report } from 'ottla';
import { connect as connectEdge } from 'ottla/edge';
import { load } from 'ottla/loader';

const producer: Producer = await connect({
  url: 'https://bridge.example',
  token: async () => 'token',
  durable: { name: 'orders', maxBytes: 1024, onFull: 'send', onExpiredLease: 'resend' },
  shared: true,
  config: { 'linger.ms': 5 },
});
const sent = producer.send({ topic: 't', key: 'k', value: new Uint8Array(1), headers: { a: null } });
await sent.stored;
const { partition, offset }: { partition: number; offset: number | undefined } = await sent;
const all = producer.sendBatch('t', [{ value: 'v', timestamp: new Date() }]);
await all.stored;
for await (const report of producer.reports()) tell(report);
await connect({ brokers: ['a:1'], tls: true, sasl: { username: 'u', password: 'p' } });
const edge = await connectEdge({ url: 'https://bridge.example', token: 't' });
await edge.close({ timeout: 1 });
const ottla = load(() => connect({ url: '/bridge' }), { key: 'k', max: 5 });
await ottla.send({ topic: 't', value: `${partition} ${offset}` });

function tell(report: Report): string {
  if (!report.error) return `${report.partition} ${report.offset}`;
  const error: OttlaError = report.error;
  return `${error.code} ${error.written} ${report.batch?.length}`;
}

// @ts-expect-error: a session is not for an edge function.
await connectEdge({ url: 'https://bridge.example', durable: true });
// @ts-expect-error: either of them.
await connect({});
// @ts-expect-error: not both.
await connect({ url: 'https://bridge.example', brokers: 'a:1' });
// @ts-expect-error: what is sent over TCP is not stored before.
await connect({ brokers: 'a:1', durable: true });
// @ts-expect-error: the bridge knows who it is.
await connect({ url: 'https://bridge.example', sasl: { username: 'u', password: 'p' } });
// @ts-expect-error: a tombstone says so.
await producer.send({ topic: 't', key: 'k' });
