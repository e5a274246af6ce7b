import { createRequire } from 'node:module';

import { CompressionTypes, Kafka, logLevel, Partitioners } from 'kafkajs';

export const { version } = createRequire(import.meta.url)('kafkajs/package.json');

// It has neither linger nor a bound on memory. Idempotence makes it send one request at a time per
// partition leader, so `maxInFlightRequests` is left as it is.
export async function connect({ brokers, topic }) {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.ERROR });
  const producer = kafka.producer({
    idempotent: true,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  return {
    send: (values) =>
      producer.send({
        topic,
        acks: -1,
        compression: CompressionTypes.None,
        messages: values.map((value) => ({ value })),
      }),
    close: () => producer.disconnect(),
  };
}
