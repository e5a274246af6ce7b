// A tab's producer where all tabs have one connection: the same methods, done by the host.

import { copied } from './copy.js';
import { DURABLE_OPTIONS } from './durable_options.js';
import { OttlaError, rejectOnAbort, within } from './errors.js';
import { Reports } from './reports.js';
import { channelNames, plain } from './tab_messages.js';
import { writable } from './writable.js';

const CLOSE_TIMEOUT_MS = 30_000;
/** So long may a worker take before another is tried. */
const STARTING_MS = 3000;

/** What this needs of a browser. */
export function canShare() {
  return Boolean(globalThis.BroadcastChannel && globalThis.indexedDB && globalThis.navigator?.locks);
}

/**
 * Resolves when there is a host with a session. `connect` is what a host in this tab would use; `check`
 * is from options.js, which by itself would be one more file for every page.
 */
export async function connectTab(options, connect, check) {
  const { durable, signal } = options;
  const { name = 'default' } = Object(durable);
  // The host would say so to all tabs.
  check(Object(durable), DURABLE_OPTIONS);
  const tab = new Tab(name, options);
  await tab.lock();
  tab.findHost(connect);
  try {
    await within(signal, tab.connected);
    return tab;
  } catch (error) {
    // Nor does it wait for its turn to be the host any more.
    tab.close({ timeout: 0 });
    throw error;
  }
}

class Tab {
  fail;
  #id = crypto.randomUUID();
  #names;
  #options;
  #host;
  #out;
  #all;
  #own;
  #unlock;
  #endHost;
  #worker;
  #tries = 0;
  #next = 0;
  /** Records without an outcome, by their numbers; a Map keeps their order. */
  #pending = new Map();
  #unsent = [];
  #got = [];
  #reports = new Set();
  #metrics = {};
  #closed;
  #connect;
  #connected;

  constructor(name, options) {
    this.#names = channelNames(name);
    this.#options = options;
    this.connected = new Promise((resolve, reject) => {
      this.#connected = resolve;
      this.fail = reject;
    });
    this.connected.catch(() => {});
    this.#out = new BroadcastChannel(this.#names.host);
    this.#all = new BroadcastChannel(this.#names.all);
    this.#own = new BroadcastChannel(this.#names.tab(this.#id));
    this.#all.onmessage = this.#own.onmessage = ({ data }) => this.#hear(data);
  }

  /** As long as this tab has its lock, it lives. */
  lock() {
    return new Promise((locked, failed) => {
      const hold = () => new Promise((unlock) => locked((this.#unlock = unlock)));
      navigator.locks.request(this.#names.tabLock(this.#id), hold).catch(failed);
    });
  }

  /** Says hello to the host that there is, and sees to it that there will be one. */
  findHost(connect) {
    this.#connect = connect;
    this.#greet();
    this.#watch();
    document.addEventListener('visibilitychange', this.#hidden);
    addEventListener('pagehide', this.#hidden);
  }

  send(record, { signal } = {}) {
    const item = {};
    const sent = new Promise((resolve, reject) => Object.assign(item, { resolve, reject }));
    sent.stored = new Promise((resolve, reject) => {
      item.stored = resolve;
      item.notStored = reject;
      sent.catch(reject);
    });
    sent.stored.catch(() => {});
    this.#begin(item, record, signal);
    return sent;
  }

  sendBatch(topic, records, options) {
    // What is no list is refused as what is no record.
    const list = Array.isArray(records) ? records : [undefined];
    const each = list.map((record) => this.send({ ...record, topic }, options));
    const sent = Promise.allSettled(each).then((outcomes) => {
      const failed = outcomes.find(({ reason }) => reason);
      if (!failed) return outcomes.map(({ value }) => value);
      failed.reason.outcomes = outcomes.map(({ value, reason }) => value ?? reason);
      throw failed.reason;
    });
    sent.stored = Promise.all(each.map(({ stored }) => stored)).then(() => {});
    sent.stored.catch(() => {});
    return sent;
  }

  writable(topic, options) {
    return writable(this, topic, options);
  }

  reports() {
    const reports = new Reports(() => this.#reports.delete(reports));
    if (this.#closed) reports.end();
    else this.#reports.add(reports);
    this.#say('reports');
    return reports;
  }

  /** Resolves when what this tab sent before has its outcome. */
  async flush() {
    const before = [...this.#pending.values()].map(({ sent }) => sent);
    const number = (this.#next += 1);
    this.#submit();
    if (this.#host) this.#say('flush', { number });
    await Promise.allSettled(before);
  }

  close({ timeout = CLOSE_TIMEOUT_MS } = {}) {
    this.#closed ??= this.#close(timeout);
    return this.#closed;
  }

  [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    return this.close();
  }

  /** Those of the one connection, as the host last told. */
  metrics() {
    return { ...this.#metrics, promisesOpen: this.#pending.size };
  }

  #end() {
    document.removeEventListener('visibilitychange', this.#hidden);
    removeEventListener('pagehide', this.#hidden);
    for (const channel of [this.#out, this.#all, this.#own]) channel.close();
    this.#unlock?.();
  }

  #begin(item, record, signal) {
    const number = (this.#next += 1);
    if (this.#closed) return item.reject(new OttlaError('CLOSED', 'the producer is closed'));
    if (signal?.aborted) return item.reject(signal.reason);
    try {
      // It is sent at the end of the task, and maybe to the next host too.
      item.record = copied(record);
    } catch (error) {
      return item.reject(new OttlaError('INVALID_RECORD', error.message));
    }
    item.sent = new Promise((done) => (item.done = done));
    if (signal) rejectOnAbort(signal, item);
    this.#pending.set(number, item);
    this.#unsent.push(number);
    if (this.#unsent.length === 1) queueMicrotask(() => this.#submit());
    return undefined;
  }

  #submit() {
    if (!this.#host || this.#unsent.length === 0) return;
    const numbers = this.#unsent.splice(0).filter((number) => this.#pending.has(number));
    try {
      this.#say('send', { items: numbers.map((number) => [number, this.#pending.get(number).record]) });
    } catch {
      numbers.forEach((number) => this.#sendAlone(number));
    }
  }

  /** What can't be in a message fails alone. */
  #sendAlone(number) {
    try {
      this.#say('send', { items: [[number, this.#pending.get(number).record]] });
    } catch (error) {
      this.#settle([number, 'failed', plain({ message: error.message })]);
    }
  }

  #hear(message) {
    const { type } = message;
    if (type === 'who') this.#greet();
    else if (type === 'token') this.#tellToken();
    else if (type === 'host') this.#follow(message);
    else if (type === 'failed') this.fail(revive(message.error));
    else if (type === 'report') this.#report({ ...message.report, error: revive(message.report.error) });
    else if (type === 'rows') {
      this.#metrics = message.metrics;
      message.rows.forEach((row) => this.#settle(row));
    }
  }

  #greet() {
    const { url, config, durable, token } = this.#options;
    const options = { url: new URL(url, location.href).href, config, hasToken: token !== undefined };
    this.#say('hello', { options: { ...options, durable: Object(durable) } });
  }

  async #tellToken() {
    const { token } = this.#options;
    try {
      const given = typeof token === 'function' ? await token() : token;
      this.#out.postMessage({ type: 'token', token: given });
    } catch (error) {
      this.#out.postMessage({ type: 'no token', why: String(error?.message ?? error) });
    }
  }

  /** A new host: what it has not found stored was never sent, unless that was said, and is sent now. */
  #follow({ id, owned }) {
    if (this.#host === id) return;
    const isNew = this.#host !== undefined;
    this.#host = id;
    this.#tries = 0;
    this.#connected();
    for (const [number, { unstored }] of this.#pending) {
      if (unstored) this.#settle([number, 'failed', unstored]);
    }
    const stored = new Set(owned.filter(([tab]) => tab === this.#id).map(([, number]) => number));
    this.#unsent = [...this.#pending.keys()].filter((number) => !stored.has(number));
    this.#submit();
    if (isNew && this.#reports.size > 0) this.#say('reports');
  }

  /** When the host's lock is free, there is no host, or none any more, or one that is starting. */
  async #watch() {
    for (;;) {
      await navigator.locks.request(this.#names.hostLock, () => {});
      if (this.#closed) return;
      if (!this.#endHost) this.#startWorker();
      await new Promise((resolve) => setTimeout(resolve, STARTING_MS));
    }
  }

  #startWorker() {
    try {
      const url = new URL('./shared_worker.js', import.meta.url);
      // Not the same worker again, which may be ending still. One too many waits for its turn.
      const name = `${this.#names.name}\n${this.#host ?? ''}\n${this.#tries}`;
      this.#tries += 1;
      this.#worker = new SharedWorker(url, { type: 'module', name });
      this.#worker.onerror = () => this.#hostHere();
    } catch {
      // There are none, or a policy of the page's forbids it.
      this.#hostHere();
    }
  }

  /** Without a worker the first of all tabs is the host, and the next when that has gone. */
  #hostHere() {
    const failed = () => (this.#endHost = undefined);
    const run = ({ runHost }) => runHost(this.#names.name, this.#connect, failed);
    this.#endHost ??= import('./host.js').then(run).catch(failed);
  }

  #settle([number, kind, outcome]) {
    const item = this.#pending.get(number);
    if (kind === 'stored') return item?.stored();
    if (kind === 'not stored') return item?.notStored(revive((item.unstored = outcome)));
    if (this.#got.length === 0) queueMicrotask(() => this.#confirm());
    this.#got.push(number);
    if (!item) return undefined;
    this.#pending.delete(number);
    const error = kind === 'failed' ? revive(outcome) : undefined;
    this.#report(error ? { topic: item.record?.topic, error } : outcome);
    if (error) {
      item.reject(error);
    } else {
      item.resolve(outcome);
      item.stored();
    }
    return item.done();
  }

  #confirm() {
    this.#say('got', { numbers: this.#got.splice(0) });
  }

  #report(report) {
    for (const reports of this.#reports) reports.push(report);
  }

  #hidden = () => {
    this.#submit();
    if (document.hidden) this.#say('hidden');
  };

  async #close(timeout) {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, Math.min(timeout, 0x7fffffff))));
    await Promise.race([this.flush(), late]);
    clearTimeout(timer);
    const message = 'the producer was closed; what is stored is sent all the same';
    for (const item of this.#pending.values()) {
      item.reject(new OttlaError('CLOSED', message, { written: 'maybe' }));
      item.done();
    }
    // What was heard last is confirmed before this tab counts as gone.
    this.#confirm();
    const endHost = await this.#endHost;
    await endHost?.(this.#id, { timeout });
    for (const reports of this.#reports) reports.end();
    this.#end();
  }

  #say(type, content) {
    this.#out.postMessage({ type, tab: this.#id, to: this.#host, ...content });
  }
}

function revive({ code, message, ...rest }) {
  return new OttlaError(code, message, rest);
}
