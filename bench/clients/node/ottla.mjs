import { readFileSync } from 'node:fs';

import { connect as connectOttla } from 'ottla';

const manifest = new URL('./node_modules/ottla/package.json', import.meta.url);
export const { version } = JSON.parse(readFileSync(manifest, 'utf8'));

export async function connect({ brokers, topic, compression, lingerMs, batchBytes, bufferBytes }) {
  const producer = await connectOttla({
    brokers,
    config: {
      'compression.type': compression,
      'linger.ms': lingerMs,
      'batch.size': batchBytes,
      'buffer.memory': bufferBytes,
    },
  });
  return {
    send: (values) =>
      values.length === 1
        ? producer.send({ topic, value: values[0] })
        : producer.sendBatch(topic, values.map((value) => ({ value }))),
    close: () => producer.close(),
  };
}
