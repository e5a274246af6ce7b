// What the page does that browser.mjs opens, and what it tells it.

import { connect } from 'ottla';

import { produce } from './produce.mjs';

const parameters = new URLSearchParams(location.search);

async function run() {
  const text = await (await fetch('/text')).text();
  const url = parameters.get('url');
  const topic = parameters.get('topic');
  await refusals(url, topic);
  const producer = await connect({ url, config: { 'compression.type': 'lz4' } });
  return produce(producer, topic, text);
}

/** Errors of a page's module, which has no texts. */
async function refusals(url, topic) {
  const refused = async (promise, expected) => {
    const said = await promise.then(() => 'nothing', ({ code, message }) => `${code} ${message}`);
    if (said !== expected) throw new Error(`${said}, not ${expected}`);
  };
  const invalid = connect({ url, config: { 'linger.ms': 'x' } });
  await refused(invalid, 'CONFIGURATION invalid value for linger.ms: x');
  const contradiction = connect({ url, config: { 'batch.size': 100, 'buffer.memory': 10 } });
  await refused(contradiction, 'CONFIGURATION invalid configuration batch.size');
  const brief = await connect({ url, config: { 'max.block.ms': 200 } });
  const missing = brief.send({ topic, partition: 1_000_000, value: 'nowhere' });
  await refused(missing, `NOT_IN_METADATA not in metadata: ${topic}`);
  await brief.close();
}

const report = (outcome) => fetch('/outcome', { method: 'POST', body: JSON.stringify(outcome) });
run().then(
  (rate) => report({ rate }),
  (error) => report({ error: `${error.code ?? ''} ${error.stack ?? error}` }),
);
