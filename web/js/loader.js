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
  /** So many of the queue are kept, since the page was left. */
  let kept = 0;
  // Many pages may go at once: each has a place of its own.
  const own = `${key}:${Math.random()}`;
  const send = (record, options) => {
    if (producer) return producer.send(record, options);
    if (queue.length >= max) {
      return Promise.reject(failure('QUEUE_FULL', 'too much waits for the producer', 'no'));
    }
    return wait(copied(record), options);
  };
  const wait = (record, options) =>
    new Promise((resolve, reject) => queue.push({ record, options, resolve, reject }));
  const keep = () => {
    try {
      const text = JSON.stringify(queue.map(({ record }) => record), asText);
      if (queue.length) localStorage.setItem(own, text);
      kept = queue.length;
    } catch {} // There is no storage for this page.
  };
  /** The visitor is back, and the page is as it was. */
  const goOn = ({ persisted }) => {
    if (!persisted || kept === 0) return;
    if (localStorage.getItem(own) === null) {
      for (const { reject } of queue.splice(0, kept)) {
        reject(failure('PAGE_LEFT', 'the page was left; the next one sends the record', 'maybe'));
      }
    }
    localStorage.removeItem(own);
    kept = 0;
  };
  const recall = () => {
    try {
      for (const name of Object.keys(localStorage)) {
        if (!name.startsWith(`${key}:`)) continue;
        const text = localStorage.getItem(name);
        localStorage.removeItem(name);
        for (const record of JSON.parse(text, asBytes) ?? []) wait(record).catch(() => {});
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
  addEventListener('pageshow', goOn);
  recall();
  begin(1000);
  return { send, ready };
}

/** As errors.js has them, which by itself would be one more file before all else. */
function failure(code, message, written) {
  return Object.assign(new Error(message), { code, retriable: written === 'no', written });
}

/** JSON has no bytes. */
function asText(name, value) {
  if (!(value instanceof Uint8Array)) return value;
  return { u8: Array.from(value, (byte) => String.fromCharCode(byte)).join('') };
}

function asBytes(name, value) {
  return value?.u8 === undefined ? value : Uint8Array.from(value.u8, (unit) => unit.charCodeAt());
}
