// Timers that come when they should: those of a page that is hidden come once a second, and after
// a while once a minute; those of a worker don't wait.

const SOURCE = 'onmessage = ({ data: [id, ms] }) => setTimeout(postMessage, ms, id)';

let worker;
let last = 0;
const callbacks = new Map();

/** Calls back after so many milliseconds; returns what prevents that. */
export function later(callback, ms) {
  if (!globalThis.document?.hidden || !hasWorker()) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  }
  const id = (last += 1);
  callbacks.set(id, callback);
  worker.postMessage([id, ms]);
  return () => callbacks.delete(id);
}

function hasWorker() {
  try {
    worker ??= start();
  } catch {
    worker = false;
  }
  return Boolean(worker);
}

function start() {
  const url = URL.createObjectURL(new Blob([SOURCE], { type: 'text/javascript' }));
  const started = new Worker(url);
  URL.revokeObjectURL(url);
  started.onmessage = ({ data }) => fire(data);
  // A policy of the page's forbids it: what waits comes too early rather than never.
  started.onerror = () => {
    worker = false;
    [...callbacks.keys()].forEach(fire);
  };
  return started;
}

function fire(id) {
  const callback = callbacks.get(id);
  callbacks.delete(id);
  callback?.();
}
