// URL: a data base that fails, as one does that is full or whose site's data are cleared. The topic
// `failing-store` is there. Nothing stays behind that the next page would take for unknown.

import assert from 'node:assert/strict';
import process from 'node:process';

const [url] = process.argv.slice(2);
const stored = { batches: new Map(), leases: new Map() };
let fails = false;
let isGone = false;
let isLocked = false;

const answered = (result) => {
  const request = { result };
  queueMicrotask(() => request.onsuccess());
  return request;
};

function transaction() {
  if (isGone) throw new DOMException('the data base is closed', 'InvalidStateError');
  const acts = [];
  const objectStore = (name) => ({
    getAllKeys: () => answered([...stored[name].keys()]),
    getAll: () => answered([...stored[name].values()]),
    put: (value, key) => acts.push(() => stored[name].set(key, value)),
    delete: (key) => acts.push(() => stored[name].delete(key)),
    clear: () => acts.push(() => stored[name].clear()),
  });
  const begun = { objectStore };
  setTimeout(() => {
    if (fails) return begun.onabort?.();
    acts.forEach((act) => act());
    return begun.oncomplete?.();
  });
  return begun;
}

globalThis.indexedDB = { open: () => answered({ transaction, close() {} }) };
const request = async (name, options, hold) => {
  isLocked = true;
  await hold();
  isLocked = false;
};
Object.defineProperty(globalThis, 'navigator', { value: { locks: { request } } });

const { connect } = await import('ottla/inline');
const record = { topic: 'failing-store', value: 'x'.repeat(1500), partition: 0 };

// What can't be removed at once is removed later, and before its lease is given back.
let producer = await connect({ url, durable: { maxBytes: 4000 } });
const first = producer.send(record);
await first.stored;
fails = true;
await first;
for (let count = 0; count < 5; count += 1) {
  const sent = producer.send(record);
  await assert.rejects(sent.stored, { code: 'NOT_STORED' });
  await sent;
}
fails = false;
await producer.send(record);
await producer.close();
assert.deepEqual([stored.batches.size, stored.leases.size, isLocked], [0, 0, false]);

// The site's data are cleared.
producer = await connect({ url, durable: true });
await producer.send(record);
isGone = true;
await producer.close();
assert.equal(isLocked, false);
