// URL: what `connect` waits for never comes. It ends in time all the same, with nothing left behind. The
// topic `late` is there.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import process from 'node:process';

import { connect } from 'ottla';

const [url] = process.argv.slice(2);
const never = new Promise(() => {});
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Every WebSocket that there was. */
const sockets = [];
globalThis.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    sockets.push(this);
  }
};

// A page's `connect`, whose module comes when `fetched` says so, and whose data base when `opened` does.
let fetched;
let opened;
let closedBases = 0;
const held = new Set();
globalThis.fetch = async (file) => {
  await fetched;
  return new Response(await readFile(file), { headers: { 'content-type': 'application/wasm' } });
};
const none = () => ({ getAllKeys: () => answered([]), getAll: () => answered([]) });
const base = { transaction: () => ({ objectStore: none }), close: () => (closedBases += 1) };
globalThis.indexedDB = { open: () => answered(base, opened) };
const request = async (name, { signal }, hold) => {
  signal.throwIfAborted();
  const aborted = () => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  if (held.has(name)) await aborted();
  held.add(name);
  await hold();
  held.delete(name);
};
Object.defineProperty(globalThis, 'navigator', { value: { locks: { request } } });
const page = await import('./node_modules/ottla/dist/browser.js');

function answered(result, when) {
  const asked = { result };
  Promise.resolve(when).then(() => asked.onsuccess());
  return asked;
}

async function endsInTime(options, expected = 'UNREACHABLE') {
  const late = new Promise((resolve) => setTimeout(resolve, 15_000, { code: 'never' }).unref());
  const rejected = (promise) => Promise.race([late, promise.then(() => ({}), (error) => error)]);
  const { code, retriable } = await rejected(page.connect({ url, timeout: 200, ...options }));
  assert.deepEqual([code, retriable], [expected, true]);
  const abort = new AbortController();
  const aborted = rejected(page.connect({ url, signal: abort.signal, ...options }));
  setTimeout(() => abort.abort('enough'), 100);
  assert.equal(await aborted, 'enough');
}

let come;
fetched = new Promise((resolve) => (come = resolve));
await endsInTime({});
await endsInTime({ durable: true });
assert.deepEqual([closedBases, held.size], [2, 0], 'the queue is there for others');
come();
opened = new Promise((resolve) => (come = resolve));
await endsInTime({ durable: true });
come();
await pause(100);
assert.deepEqual([closedBases, held.size], [4, 0], 'a data base that comes late is closed');
assert.equal(sockets.length, 0, 'nobody goes on');
const producer = await page.connect({ url, timeout: 5000, durable: true });
await endsInTime({ durable: true }, 'QUEUE_IN_USE');
await producer.send({ topic: 'late', value: 'v' });
await producer.close();

// A function for the token that does not answer is asked again after a while, here a short one.
const { setTimeout: after } = globalThis;
globalThis.setTimeout = (callback, ms, ...given) => after(callback, ms === 20_000 ? 100 : ms, ...given);
const silent = await connect({ url, token: () => never, timeout: 5000 }).catch((error) => error);
assert.equal(silent.code, 'UNAUTHENTICATED', silent.message);
assert.match(silent.message, /the function did not answer in time/);
const answers = ['', never, ''];
const patient = await connect({ url, token: () => answers.shift() });
sockets.at(-1).close();
await patient.send({ topic: 'late', value: 'v' }, { signal: AbortSignal.timeout(20_000) });
assert.equal(answers.length, 0);
await patient.close();
