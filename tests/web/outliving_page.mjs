// A page that sends numbered records until it is stopped, and tells which of them are stored. With
// `count` 0 it only waits until all that earlier pages left has its outcome.

import { connect } from 'ottla';

const { url, topic, partitions, label, count, shared, flags = '' } = Object.fromEntries(
  new URLSearchParams(location.search),
);
// A page that is reloaded is another one.
const run = Math.floor(performance.timeOrigin % 1e9);
const told = { label, stored: [], unknown: [], acknowledged: 0 };

const tell = async (more) => {
  const body = JSON.stringify({ ...told, ...more });
  told.stored = [];
  told.unknown = [];
  await fetch('/told', { method: 'POST', body });
};

async function listen(producer) {
  for await (const { topic: of, error, replayed } of producer.reports()) {
    if (!error) told.acknowledged += 1;
    else if (error.code !== 'CLOSED') told.unknown.push(`${of} ${replayed ?? false} ${error.code}: ${error.message}`);
  }
}

async function send() {
  if (flags.includes('no-worker')) delete globalThis.SharedWorker;
  const config = { 'linger.ms': 5 };
  const producer = await connect({ url, config, ...(shared ? { shared: true } : { durable: true }) });
  globalThis.producer = producer;
  listen(producer);
  await tell({ connected: true });
  const timer = setInterval(() => told.stored.length > 0 && tell(), 50);
  for (let number = 0; number < Number(count); ) {
    for (let some = 0; some < 10 && number < Number(count); some += 1, number += 1) {
      const value = `${label}.${run}:${number}`;
      const sent = producer.send({ topic, value, partition: number % Number(partitions) });
      sent.stored.then(() => told.stored.push(value), () => {});
      sent.catch(() => {});
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  if (flags.includes('stay')) return;
  await producer.flush();
  await producer.close();
  clearInterval(timer);
  await tell({ done: true });
}

send().catch((error) => tell({ error: `${label}: ${error.code ?? ''} ${error.stack ?? error}` }));
