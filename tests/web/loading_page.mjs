// A page whose first script sends; with the flag `never` it is left before there is a producer, which
// it gets when the visitor comes back.

import { load } from 'ottla/loader';

const { url, topic, label, flags, max = 1000 } = Object.fromEntries(new URLSearchParams(location.search));
const tell = (told) =>
  fetch('/told', { method: 'POST', body: JSON.stringify({ label, stored: [], unknown: [], ...told }) });

let tries = 0;
async function start() {
  tries += 1;
  if (flags === 'never') await cameBack();
  else if (tries === 1) throw new Error('not yet');
  const { connect } = await import('ottla');
  return connect({ url });
}

function cameBack() {
  return new Promise((resolve) =>
    addEventListener('pageshow', ({ persisted }) => persisted && resolve()),
  );
}

const ottla = load(start, { max: Number(max) });
const values = Array.from({ length: 6 }, (_, number) => `${label}:${number}`);
const send = (text) => {
  // Bytes are the program's own again as soon as `send` has returned.
  const value = text.endsWith('2') ? text : new TextEncoder().encode(text);
  const waiting = ottla.send({ topic, value, headers: { value }, timestamp: new Date(), partition: 0 });
  if (value !== text) value.fill(0);
  return waiting;
};
const sent = values.slice(0, 5).map(send);
sent.forEach((waiting) => waiting.catch(() => {}));
await tell({ connected: true });
const producer = await ottla.ready;
sent.push(send(values[5]));
const outcomes = await Promise.allSettled(sent);
await producer.flush();
await producer.close();
const expected = flags === 'never' ? 'PAGE_LEFT' : 'QUEUE_FULL';
const failed = outcomes.filter(({ reason }) => reason && reason.code !== expected);
await tell({
  done: true,
  stored: values.filter((_, number) => outcomes[number].status === 'fulfilled'),
  error: failed[0] && String(failed[0].reason),
});
