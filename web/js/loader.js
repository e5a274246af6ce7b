// A page's first script: `send` works before the producer is there. What a visitor leaves behind who
// goes before that waits in localStorage for the next page.

import { copied } from './copy.js';

/**
 * `start` returns a promise of the producer, such as
 * `() => import('ottla').then(({ connect }) => connect({ url }))`; it is called again when it fails.
 * At most `max` records wait.
 */
export function load(start, { key = 'ottla', max = 1000 } = {}) {
  let queue = [];
  let producer;
  // Many pages may go at once: each has a place of its own.
  const own = `${key}:${Math.random()}`;
  const send = (record, options) => {
    if (producer) return producer.send(record, options);
    if (queue.length >= max) return Promise.reject(new Error('too much waits for the producer'));
    return new Promise((resolve, reject) => queue.push({ record: copied(record), options, resolve, reject }));
  };
  const keep = () => {
    try {
      const text = JSON.stringify(queue.map(({ record }) => record), asText);
      if (queue.length) localStorage.setItem(own, text);
    } catch {} // There is no storage for this page.
  };
  const recall = () => {
    try {
      for (const name of Object.keys(localStorage)) {
        if (!name.startsWith(`${key}:`)) continue;
        const kept = localStorage.getItem(name);
        localStorage.removeItem(name);
        for (const record of JSON.parse(kept, asBytes) ?? []) send(record).catch(() => {});
      }
    } catch {}
  };
  const begin = async (pause) => {
    try {
      producer = await start();
    } catch {
      setTimeout(begin, pause, Math.min(2 * pause, 60000));
      return;
    }
    removeEventListener('pagehide', keep);
    for (const { record, options, resolve, reject } of queue) {
      producer.send(record, options).then(resolve, reject);
    }
    queue = [];
    done(producer);
  };
  let done;
  const ready = new Promise((resolve) => (done = resolve));
  addEventListener('pagehide', keep);
  addEventListener('pageshow', ({ persisted }) => persisted && localStorage.removeItem(own));
  recall();
  begin(1000);
  return { send, ready };
}

/** JSON has no bytes. */
function asText(name, value) {
  if (!(value instanceof Uint8Array)) return value;
  return { u8: Array.from(value, (byte) => String.fromCharCode(byte)).join('') };
}

function asBytes(name, value) {
  return value?.u8 === undefined ? value : Uint8Array.from(value.u8, (unit) => unit.charCodeAt());
}
