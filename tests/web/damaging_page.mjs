// A page that damages what an earlier one has stored, each batch in another way, and tells which of its
// records that concerns.

const tell = (told) =>
  fetch('/told', { method: 'POST', body: JSON.stringify({ label: 'damaging', stored: [], unknown: [], ...told }) });

const request = (asked) => new Promise((resolve, reject) => {
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});

/** Ways in which the bytes of a batch are none. */
const WAYS = [
  (bytes) => bytes.with(-1, bytes.at(-1) ^ 1),
  (bytes) => bytes.with(16, 9),
  (bytes) => bytes.slice(0, 60),
  (bytes) => bytes.slice(0, -1),
  () => new Uint8Array(),
  () => undefined,
  () => 'text',
];

async function run() {
  const base = await request(indexedDB.open('ottla:default', 1));
  const store = base.transaction('batches', 'readwrite').objectStore('batches');
  const entries = await request(store.getAll());
  const keys = await request(store.getAllKeys());
  // The others go on; what is behind them in their own partition is behind a gap.
  const chosen = keys.filter((_, index) => entries[index].partition === 0);
  const damaged = [];
  for (const [index, damage] of WAYS.entries()) {
    const key = chosen[2 * index];
    const entry = await request(store.get(key));
    damaged.push(...valuesOf(entry.bytes));
    await request(store.put({ ...entry, bytes: damage(entry.bytes) }, key));
  }
  base.close();
  await tell({ done: true, damaged, ways: WAYS.length });
}

/** The values, which are as they were written: small batches are not compressed. */
function valuesOf(bytes) {
  return new TextDecoder('latin1').decode(bytes).match(/damaged\.\d+:\d+/g);
}

run().catch((error) => tell({ error: String(error.stack ?? error) }));
