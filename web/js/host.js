// Whoever has the one connection of all tabs: a SharedWorker, or one of the tabs. All say what they
// have to say over BroadcastChannels: tabs on `ottla:NAME`, the host on one channel for each tab and
// one for all.

import { OttlaError } from './errors.js';
import { channelNames, plain } from './tab_messages.js';

/** As long as any tab lives. */
const PATIENCE_MS = 0x7fffffff;
const TOKEN_PATIENCE_MS = 10_000;

/**
 * Becomes the host when there is no other; resolves with what ends that for the tab it is in. Calls
 * `failed` when it could not, and has told the tabs.
 */
export async function runHost(name, connect, failed) {
  const names = channelNames(name);
  const tabs = new BroadcastChannel(names.host);
  const host = new Host(name, tabs);
  // The first tab that says hello says how to connect.
  const options = await new Promise((resolve) => {
    tabs.onmessage = ({ data }) => data.type === 'hello' && resolve(data.options);
    const all = new BroadcastChannel(names.all);
    all.postMessage({ type: 'who' });
    all.close();
  });
  tabs.onmessage = ({ data }) => host.hear(data);
  const end = new AbortController();
  const { url, config, durable, hasToken } = options;
  const producer = connect({
    url,
    config,
    durable: { ...durable, name },
    token: hasToken ? () => host.token() : undefined,
    timeout: PATIENCE_MS,
    signal: end.signal,
    onDurable: (durable) => host.watch(durable),
  });
  producer.then((it) => host.start(it), (error) => {
    // That this tab ends before it was the host's turn is nothing to the others.
    if (end.signal.aborted) return;
    host.fail(error);
    host.end();
    failed();
  });
  return async (tab, closing) => {
    host.gone(tab);
    end.abort(new OttlaError('CLOSED', 'the tab ends'));
    await producer.then((it) => it.close(closing), () => {});
    host.end();
  };
}

class Host {
  #name;
  #names;
  #id = crypto.randomUUID();
  #in;
  #all;
  #channels = new Map();
  #producer;
  #durable;
  /** What earlier hosts stored for which tab's records. */
  #owned = [];
  /** For a batch that is done: whose records have not been confirmed. */
  #unconfirmed = new Map();
  #keys = new Map();
  #rows = new Map();
  #alive = new Set();
  #reporting = false;
  #onToken = [];
  #noToken = '';

  constructor(name, channel) {
    this.#name = name;
    this.#names = channelNames(name);
    this.#in = channel;
    this.#all = new BroadcastChannel(this.#names.all);
  }

  /** The queue is this host's now. */
  async watch(durable) {
    this.#durable = durable;
    this.#owned = durable.owners();
    durable.onDiscard = (key, owners) => this.#hold(key, owners);
    durable.onReplayed = (entry, outcome, error) => this.#replayed(entry, outcome, error);
    const { held } = await navigator.locks.query();
    const live = new Set(held.map((lock) => lock.name));
    for (const tab of new Set(this.#owned.map(([id]) => id))) {
      if (live.has(this.#names.tabLock(tab))) this.#follow(tab);
    }
  }

  start(producer) {
    this.#producer = producer;
    this.#all.postMessage(this.#hello());
    // Outcomes that there are already: on a tab's own channel they come after who tells them.
    for (const tab of this.#rows.keys()) this.#to(tab, this.#hello());
    this.#tell();
  }

  fail(error) {
    this.#all.postMessage({ type: 'failed', error: plain(error) });
  }

  end() {
    this.#in.close();
    this.#all.close();
    for (const channel of this.#channels.values()) channel.close();
    this.#producer = undefined;
  }

  hear(message) {
    const { type, tab } = message;
    if (type === 'token') return this.#onToken.splice(0).forEach((resolve) => resolve(message.token));
    // Another tab may have one.
    if (type === 'no token') return (this.#noToken = `: ${message.why}`);
    if (!this.#producer) return undefined;
    if (type === 'hello') return this.#to(tab, this.#hello());
    if (message.to !== this.#id) return undefined;
    this.#follow(tab);
    if (type === 'send') message.items.forEach(([number, record]) => this.#send(tab, number, record));
    else if (type === 'got') message.numbers.forEach((number) => this.#confirm([tab, number]));
    else if (type === 'flush') this.#flush(tab, message.number);
    else if (type === 'hidden') this.#producer.leave?.();
    else if (type === 'reports') this.#report();
    return undefined;
  }

  /** Asks the tabs; any of them will do. */
  token() {
    this.#all.postMessage({ type: 'token' });
    return new Promise((resolve, reject) => {
      this.#onToken.push(resolve);
      const late = () => reject(new OttlaError('UNAUTHENTICATED', `no tab has a token${this.#noToken}`));
      setTimeout(late, TOKEN_PATIENCE_MS);
    });
  }

  #hello() {
    return { type: 'host', id: this.#id, owned: this.#owned };
  }

  #send(tab, number, record) {
    const owner = [tab, number];
    const sent = this.#producer.send(record, { owner: () => owner });
    let isStored = false;
    const stored = () => {
      isStored = true;
      this.#row(tab, [number, 'stored']);
    };
    const notStored = (error) => {
      if (error.code === 'NOT_STORED') this.#row(tab, [number, 'not stored', plain(error)]);
    };
    const failed = (error) => {
      // A host that ends leaves it to the next, which finds it stored or gets it from the tab again.
      if (error.code === 'CLOSED' && (isStored || error.written === 'no')) return;
      this.#row(tab, [number, 'failed', plain(error)]);
    };
    sent.stored.then(stored, notStored);
    sent.then((outcome) => this.#row(tab, [number, 'done', outcome]), failed);
  }

  /** Outcomes of one turn of the event loop go together. */
  #row(tab, row) {
    if (this.#rows.size === 0) queueMicrotask(() => this.#tell());
    if (!this.#rows.has(tab)) this.#rows.set(tab, []);
    this.#rows.get(tab).push(row);
  }

  #tell() {
    if (!this.#producer) return;
    const told = [...this.#rows];
    this.#rows.clear();
    for (const [tab, rows] of told) this.#to(tab, { type: 'rows', rows, metrics: this.#producer.metrics() });
  }

  /** What an earlier host stored has its outcome. True where a tab hears of it. */
  #replayed({ owners = [] }, outcome, error) {
    let heard = false;
    owners.forEach(([tab, number], index) => {
      if (!this.#alive.has(tab)) return;
      heard = true;
      if (error) return this.#row(tab, [number, 'failed', plain(error)]);
      const offset = outcome.offset === undefined ? undefined : outcome.offset + index;
      return this.#row(tab, [number, 'done', { ...outcome, offset }]);
    });
    return heard;
  }

  /** A batch is removed when those whose records are in it know their outcome: should this host end
   * before, the next one finds it, and sends no record again that is in there. */
  #hold(key, owners) {
    const waiting = owners.filter(([tab]) => this.#alive.has(tab)).map(String);
    if (waiting.length === 0) return this.#durable.discard(key);
    this.#unconfirmed.set(key, new Set(waiting));
    waiting.forEach((owner) => this.#keys.set(owner, key));
    return undefined;
  }

  #confirm(owner) {
    const key = this.#keys.get(String(owner));
    this.#keys.delete(String(owner));
    const waiting = this.#unconfirmed.get(key);
    waiting?.delete(String(owner));
    if (waiting?.size !== 0) return;
    this.#unconfirmed.delete(key);
    this.#durable.discard(key);
    this.#producer?.wake();
  }

  /** A tab lives for as long as it has its lock. */
  #follow(tab) {
    if (this.#alive.has(tab)) return;
    this.#alive.add(tab);
    navigator.locks.request(this.#names.tabLock(tab), () => this.gone(tab));
  }

  /** A tab has heard what it will ever hear. */
  gone(tab) {
    this.#alive.delete(tab);
    this.#channels.get(tab)?.close();
    this.#channels.delete(tab);
    for (const owner of [...this.#keys.keys()]) {
      if (owner.startsWith(`${tab},`)) this.#confirm(owner);
    }
  }

  async #flush(tab, number) {
    await this.#producer.flush();
    this.#row(tab, [number, 'done']);
  }

  /** What became of records whose tab is gone: whoever reads reports hears of it. */
  async #report() {
    if (this.#reporting) return;
    this.#reporting = true;
    for await (const report of this.#producer.reports()) {
      if (!report.replayed || !report.error) continue;
      this.#all.postMessage({ type: 'report', report: { ...report, error: plain(report.error) } });
    }
  }

  #to(tab, message) {
    if (!this.#channels.has(tab)) this.#channels.set(tab, new BroadcastChannel(this.#names.tab(tab)));
    this.#channels.get(tab).postMessage(message);
  }
}
