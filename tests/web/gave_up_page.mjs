// A page that gives up a few times: nothing is left that waits to have the connection of all tabs.

import { connect } from 'ottla';

const { url, topic, label } = Object.fromEntries(new URLSearchParams(location.search));
const tell = (more) => fetch('/told', { method: 'POST', body: JSON.stringify({ label, stored: [], unknown: [], ...more }) });
const TRIES = 3;

async function locks() {
  const { held, pending } = await navigator.locks.query();
  return [...held, ...pending].map(({ name }) => name).filter((name) => name.startsWith('ottla:'));
}

async function run() {
  delete globalThis.SharedWorker;
  const nobody = new URL(url);
  nobody.port = 1;
  for (let count = 0; count < TRIES; count += 1) {
    const { code } = await connect({ url: nobody, shared: true, timeout: 500 }).catch((error) => error);
    if (code !== 'UNREACHABLE') throw new Error(`not UNREACHABLE: ${code}`);
  }
  let left = await locks();
  for (const begun = Date.now(); left.length > 0; left = await locks()) {
    if (Date.now() - begun > 20_000) throw new Error(`still there: ${left}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const producer = await connect({ url, shared: true });
  await producer.send({ topic, value: `${label}:0`, partition: 0 });
  await producer.close();
  await tell({ done: true, stored: [`${label}:0`] });
}

run().catch((error) => tell({ error: `${label}: ${error.code ?? ''} ${error.stack ?? error}` }));
