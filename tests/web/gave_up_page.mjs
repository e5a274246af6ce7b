// A page that gives up a few times: nothing is left that waits to have the connection of all tabs, and
// whoever waits for it too goes on waiting. Then tabs of which one leaves before the other has heard,
// and one that can't have the connection at first. With the flag `refused` its worker can't.

import { connect } from 'ottla';

const { url, topic, label, flags } = Object.fromEntries(new URLSearchParams(location.search));
const tell = (more) => fetch('/told', { method: 'POST', body: JSON.stringify({ label, stored: [], unknown: [], ...more }) });
const TRIES = 3;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function locks() {
  const { held, pending } = await navigator.locks.query();
  return [...held, ...pending].map(({ name }) => name).filter((name) => name.startsWith('ottla:'));
}

const nobody = new URL(url);
nobody.port = 1;

const unhandled = [];
addEventListener('unhandledrejection', ({ reason }) => unhandled.push(reason));
const token = () => {
  throw new Error('nobody has logged in');
};

async function giveUp(timeout) {
  const { code } = await connect({ url: nobody, token, shared: true, timeout }).catch((error) => error);
  if (code !== 'UNREACHABLE') throw new Error(`not UNREACHABLE: ${code}`);
}

/** Of two that wait the second gives up, before it was its turn. */
async function giveUpBehind() {
  let waits = true;
  const first = giveUp(6000).finally(() => (waits = false));
  first.catch(() => {});
  await giveUp(500);
  await pause(500);
  if (!waits) throw new Error('the first has given up with the second');
  await first;
}

/** What can abort a record may outlive many. */
async function leavesNobodyListening(producer) {
  const { signal } = new AbortController();
  let listening = 0;
  const { addEventListener, removeEventListener } = signal;
  const count = (by, method) => (...details) => {
    listening += by;
    method.apply(signal, details);
  };
  signal.addEventListener = count(1, addEventListener);
  signal.removeEventListener = count(-1, removeEventListener);
  const sent = producer.send({ topic, value: `${label}:1`, partition: 0 }, { signal });
  if (listening !== 1) throw new Error(`${listening} listen to the signal`);
  await sent;
  await pause(0);
  if (listening !== 0) throw new Error(`${listening} still listen to the signal`);
}

/** What a tab has not heard when the host closes, the next host tells it: that needs the old lease. */
async function hearsFromTheNextHost() {
  const first = await connect({ url, shared: true });
  const second = await connect({ url, shared: true });
  const { postMessage } = BroadcastChannel.prototype;
  let sent;
  await new Promise((lost) => {
    BroadcastChannel.prototype.postMessage = function (message) {
      const isOutcome = message.type === 'rows' && message.rows.some(([, kind]) => kind === 'done');
      return isOutcome ? lost() : postMessage.call(this, message);
    };
    sent = second.send({ topic, value: `${label}:3`, partition: 0 });
    sent.catch(() => {});
  });
  BroadcastChannel.prototype.postMessage = postMessage;
  await first.close();
  await sent;
  await second.close();
}

/** Who could not take the connection over may be able to later. */
async function triesAgain() {
  const first = await connect({ url, shared: true });
  const second = await connect({ url, shared: true });
  const { open } = IDBFactory.prototype;
  const failed = new Promise((fail) => {
    IDBFactory.prototype.open = () => {
      fail();
      throw new Error('not now');
    };
  });
  await first.close();
  await failed;
  IDBFactory.prototype.open = open;
  await second.send({ topic, value: `${label}:4`, partition: 0 });
  await second.close();
}

/** A worker that can't have the connection is not in the way of the next. */
async function isRefused() {
  const { code } = await connect({ url, shared: true, config: { 'linger.ms': 'x' } }).catch((error) => error);
  if (code !== 'CONFIGURATION') throw new Error(`not CONFIGURATION: ${code}`);
  await tell({ connected: true });
}

/** Bytes are the program's own again as soon as `send` has returned. */
async function sendsWhatItWasGiven(producer) {
  const value = new TextEncoder().encode(`${label}:2`);
  const sent = producer.send({ topic, value, partition: 0 });
  value.fill(0);
  await sent;
  const error = await producer.send({ topic, value: () => {} }).catch((reason) => reason);
  if (error.code !== 'INVALID_RECORD') throw new Error(`not INVALID_RECORD: ${error.code}`);
}

async function run() {
  if (flags === 'refused') return isRefused();
  delete globalThis.SharedWorker;
  for (let count = 0; count < TRIES; count += 1) await giveUp(500);
  await giveUpBehind();
  let left = await locks();
  for (const begun = Date.now(); left.length > 0; left = await locks()) {
    if (Date.now() - begun > 20_000) throw new Error(`still there: ${left}`);
    await pause(100);
  }
  const producer = await connect({ url, shared: true });
  await producer.send({ topic, value: `${label}:0`, partition: 0 });
  await leavesNobodyListening(producer);
  await sendsWhatItWasGiven(producer);
  await producer.close();
  await hearsFromTheNextHost();
  await triesAgain();
  if (unhandled.length > 0) throw new Error(`unhandled: ${unhandled}`);
  await tell({ done: true, stored: [0, 1, 2, 3, 4].map((number) => `${label}:${number}`) });
}

run().catch((error) => tell({ error: `${label}: ${error.code ?? ''} ${error.stack ?? error}` }));
