// What the page does that browser.mjs opens, and what it tells it.

import { connect } from 'ottla';

import { produce } from './produce.mjs';

const parameters = new URLSearchParams(location.search);

async function run() {
  const text = await (await fetch('/text')).text();
  const url = parameters.get('url');
  const producer = await connect({ url, config: { 'compression.type': 'lz4' } });
  return produce(producer, parameters.get('topic'), text);
}

const report = (outcome) => fetch('/outcome', { method: 'POST', body: JSON.stringify(outcome) });
run().then(
  (rate) => report({ rate }),
  (error) => report({ error: `${error.code ?? ''} ${error.stack ?? error}` }),
);
