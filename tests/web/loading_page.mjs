// A page whose first script sends; with the flag `never` it is left before there is a producer.

import { load } from 'ottla/loader';

const { url, topic, label, flags } = Object.fromEntries(new URLSearchParams(location.search));
const tell = (told) =>
  fetch('/told', { method: 'POST', body: JSON.stringify({ label, stored: [], unknown: [], ...told }) });

let tries = 0;
async function start() {
  tries += 1;
  if (flags === 'never') return new Promise(() => {});
  if (tries === 1) throw new Error('not yet');
  const { connect } = await import('ottla');
  return connect({ url });
}

const ottla = load(start);
const values = Array.from({ length: 5 }, (_, number) => `${label}:${number}`);
const sent = values.map((text, number) => {
  // Bytes are the program's own again as soon as `send` has returned.
  const value = number % 2 === 0 ? text : new TextEncoder().encode(text);
  const waiting = ottla.send({ topic, value, headers: { value }, timestamp: new Date(), partition: 0 });
  if (value !== text) value.fill(0);
  return waiting;
});
await tell({ connected: true });
const producer = await ottla.ready;
await Promise.all(sent);
await producer.flush();
await producer.close();
await tell({ done: true, stored: values });
