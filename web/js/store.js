// The data base of a durable queue: sealed batches under numbers that rise, leases under producer ids.

/** Opens it; what is in it, oldest first, with the leases. */
export async function openStore(name) {
  const request = indexedDB.open(`ottla:${name}`, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore('batches');
    request.result.createObjectStore('leases');
  };
  const base = await answer(request);
  const stores = base.transaction(['batches', 'leases']);
  const [batches, leases] = ['batches', 'leases'].map((store) => stores.objectStore(store));
  const [keys, values, ids, tickets] = await Promise.all(
    [batches.getAllKeys(), batches.getAll(), leases.getAllKeys(), leases.getAll()].map(answer),
  );
  return {
    store: new Store(base),
    entries: values.map((value, index) => readEntry(keys[index], value)),
    leases: tickets.map((lease, index) => ({ ...lease, producerId: ids[index] })),
  };
}

/** Where there is no batch any more its bytes are none. */
function readEntry(key, value) {
  const { topic, bytes, ...rest } = value ?? {};
  const isWhole = typeof topic === 'string' && topic !== '' && bytes instanceof Uint8Array;
  return { ...rest, key, topic: String(topic), bytes: isWhole ? bytes : new Uint8Array() };
}

class Store {
  #base;

  constructor(base) {
    this.#base = base;
  }

  /** Writes all of it or nothing, and is done when the device has it. */
  async write({ put, remove, leases }) {
    const written = this.#base.transaction(['batches', 'leases'], 'readwrite', {
      durability: put.length > 0 ? 'strict' : 'relaxed',
    });
    const batches = written.objectStore('batches');
    for (const { key, ...entry } of put) batches.put(entry, key);
    for (const key of remove) batches.delete(key);
    if (leases) {
      const store = written.objectStore('leases');
      store.clear();
      for (const { producerId, ...lease } of leases) store.put(lease, producerId);
    }
    return new Promise((resolve, reject) => {
      written.oncomplete = resolve;
      written.onabort = () => reject(written.error ?? new Error('the data base gave up'));
    });
  }

  close() {
    this.#base.close();
  }
}

function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
