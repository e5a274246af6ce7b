// A page that sends numbered records until it is stopped, and tells which of them are stored. With
// `count` 0 it only waits until all that earlier pages left has its outcome. Flags: `mute` says nothing
// to the bridge after the first record, `light` nothing as heavy as a batch, `unheard` reads no reports,
// `stay` does not end, `trap` ends with a crash of the module, `awake` sends as fast in a hidden tab.

import { connect } from 'ottla';

import { trapIn } from './trap.mjs';

const { url, topic, partitions, label, count, shared, policy, config: more = '{}', flags = '' } = Object.fromEntries(
  new URLSearchParams(location.search),
);
// A page that is reloaded is another one.
const run = Math.floor(performance.timeOrigin % 1e9);
/** So many bytes are a batch of a `light` page; what else it says is less. */
const WEIGHT = 2000;
const told = { label, stored: [], unknown: [], acknowledged: 0 };

const tell = async (more) => {
  const body = JSON.stringify({ ...told, ...more });
  told.stored = [];
  told.unknown = [];
  await fetch('/told', { method: 'POST', body });
};

async function listen(producer) {
  for await (const { topic: of, error, batch, replayed } of producer.reports()) {
    if (!error) told.acknowledged += 1;
    else if (!['CLOSED', 'CRASHED'].includes(error.code)) told.unknown.push(...about(of, error, batch, replayed));
  }
}

/** A line for each record. */
function about(of, { code, message, written }, batch, replayed = false) {
  const count = batch?.length >= 61 ? new DataView(batch.buffer, batch.byteOffset).getInt32(57) : 1;
  return Array(count).fill(`${of} ${replayed} ${written} ${code}: ${message}`);
}

/** From now on nothing reaches the bridge: not over its WebSocket, nor when the page is hidden. */
function mute() {
  WebSocket.prototype.send = () => {};
  const { fetch } = globalThis;
  globalThis.fetch = (to, options) => (to === '/told' ? fetch(to, options) : new Promise(() => {}));
}

/** From now on no batch reaches the bridge, but whatever else there is to say. */
function sendLight() {
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (message) {
    if (message.byteLength < WEIGHT) send.call(this, message);
  };
}

/** What pauses for so many milliseconds in a hidden tab too, whose own timers come late. */
function pauseAwake(ms) {
  const source = new Blob([`setInterval(postMessage, ${ms}, 0)`], { type: 'text/javascript' });
  const worker = new Worker(URL.createObjectURL(source));
  return () => new Promise((resolve) => worker.addEventListener('message', resolve, { once: true }));
}

async function send() {
  if (flags.includes('no-worker')) delete globalThis.SharedWorker;
  if (flags.includes('light')) sendLight();
  const crash = flags.includes('trap') ? trapIn('engine_poll') : undefined;
  const config = { 'linger.ms': 5, ...JSON.parse(more) };
  const durable = policy ? JSON.parse(policy) : true;
  const producer = await connect({ url, config, ...(shared ? { shared: true } : { durable }) });
  globalThis.producer = producer;
  const heard = flags.includes('unheard') ? undefined : listen(producer);
  await tell({ connected: true });
  const timer = setInterval(() => told.stored.length > 0 && tell(), 50);
  const pause = flags.includes('awake') ? pauseAwake(10) : () => new Promise((resolve) => setTimeout(resolve, 10));
  let number = 0;
  const key = flags.includes('light') ? 'x'.repeat(WEIGHT) : undefined;
  const next = () => ({ topic, key, value: `${label}.${run}:${number}`, partition: number % Number(partitions) });
  if (flags.includes('mute')) {
    // After it the topic is known.
    await producer.send(next());
    number += 1;
    mute();
  }
  let crashed = false;
  let left = false;
  addEventListener('pagehide', () => (left = true));
  while (number < Number(count) && !crashed) {
    if (number > 100) crash?.();
    for (let some = 0; some < 10 && number < Number(count); some += 1, number += 1) {
      const record = next();
      const { value } = record;
      const sent = producer.send(record);
      sent.stored.then(() => told.stored.push(value), () => {});
      sent.catch(({ code }) => {
        crashed ||= code === 'CRASHED';
        // Tabs that share don't hear of each other's ends.
        if (shared && !left && code !== 'LEASE_LOST') tell({ error: `${value}: ${code}` });
      });
    }
    await pause();
  }
  if (['stay', 'mute', 'light'].some((flag) => flags.includes(flag))) return;
  // After a crash too.
  await Promise.all([producer.flush(), producer.flush()]);
  await producer.close();
  await heard;
  clearInterval(timer);
  await tell({ done: true });
}

send().catch((error) => tell({ error: `${label}: ${error.code ?? ''} ${error.stack ?? error}` }));
