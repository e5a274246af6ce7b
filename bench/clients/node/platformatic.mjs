import { readFileSync } from 'node:fs';

import { Producer, ProduceAcks } from '@platformatic/kafka';

const manifest = new URL('./node_modules/@platformatic/kafka/package.json', import.meta.url);
export const { version } = JSON.parse(readFileSync(manifest, 'utf8'));

// It has neither linger nor a bound on memory.
export async function connect({ brokers, topic }) {
  const producer = new Producer({
    clientId: 'bench',
    bootstrapBrokers: brokers.split(','),
    idempotent: true,
    acks: ProduceAcks.ALL,
  });
  return {
    send: (values) => producer.send({ messages: values.map((value) => ({ topic, value })) }),
    close: () => producer.close(),
  };
}
