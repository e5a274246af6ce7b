// A page that nobody sees: its own timers are held back, those of its producer are not. With the flag
// `strict` it has a policy that lets no worker keep the time.

import { connect } from 'ottla';

const { url, topic, label, flags } = Object.fromEntries(new URLSearchParams(location.search));
const tell = (told) =>
  fetch('/told', { method: 'POST', body: JSON.stringify({ label, stored: [], unknown: [], ...told }) });
const ROUNDS = 8;

let workers = 0;
globalThis.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    workers += 1;
  }
};

function forbidWorkers() {
  const policy = document.createElement('meta');
  Object.assign(policy, { httpEquiv: 'Content-Security-Policy', content: "worker-src 'self'" });
  document.head.append(policy);
}

async function run() {
  if (flags === 'strict') forbidWorkers();
  const producer = await connect({ url, config: { 'linger.ms': 20 } });
  await producer.send({ topic, value: `${label}:0`, partition: 0 });
  await tell({ connected: true });
  await new Promise((resolve) => {
    document.addEventListener('visibilitychange', resolve, { once: true });
    if (document.hidden) resolve();
  });
  const stored = [];
  let first = 0;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const timer = new Promise((resolve) => setTimeout(resolve, 20, 'timer'));
    const value = `${label}:${round}`;
    const sent = producer.send({ topic, value, partition: 0 }).then(() => 'record');
    if ((await Promise.race([timer, sent])) === 'record') first += 1;
    await Promise.all([timer, sent]);
    stored.push(value);
  }
  await producer.close();
  if (flags !== 'strict' && first <= ROUNDS / 2) throw new Error(`records came first ${first} times`);
  if (workers > 1) throw new Error(`${workers} workers`);
  await tell({ done: true, stored });
}

run().catch((error) => tell({ error: `${error.code ?? ''} ${error.stack ?? error}` }));
