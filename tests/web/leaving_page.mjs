// A page that is left while records linger: they leave with it, or when it is shown again.

import { connect } from 'ottla';

const { url, topic, label } = Object.fromEntries(new URLSearchParams(location.search));
const tell = (told) =>
  fetch('/told', { method: 'POST', body: JSON.stringify({ label, stored: [], unknown: [], ...told }) });

async function run() {
  const producer = await connect({ url, config: { 'linger.ms': 60_000 } });
  let number = 0;
  const send = () => producer.send({ topic, value: `${label}:${number++}`, partition: 0 });
  const first = send();
  await producer.flush();
  await first;
  const sent = Array.from({ length: 30 }, send);
  await tell({ connected: true });
  addEventListener('pageshow', async ({ persisted }) => {
    if (!persisted) return;
    const outcomes = await Promise.all([...sent, send(), producer.flush()]);
    await producer.close();
    await tell({ done: true, stored: outcomes.slice(0, -1).map((_, index) => `${label}:${index}`) });
  });
}

run().catch((error) => tell({ error: `${error.code ?? ''} ${error.stack ?? error}` }));
