// Records that outlive the page: batches are stored, with their sequences and the lease's ticket,
// before they are first sent, and the next page sends what is left as it was.

import { DURABLE_OPTIONS } from './durable_options.js';
import { isLate, OttlaError, within } from './errors.js';
import { openStore } from './store.js';

const MAX_BYTES = 8 * 1024 * 1024;
/** A bridge takes the tickets of so many earlier pages beside the own one. */
const FORMER_LEASES = 7;
/** The bytes of a batch before its records. */
const HEADER = 61;
/** Nothing waits longer than a lease lasts at most. */
const AGE_MS = 12 * 60 * 60 * 1000;

/** What a durable producer has in its configuration where the program says nothing. */
export const DURABLE_CONFIG = { 'delivery.timeout.ms': AGE_MS, 'max.block.ms': AGE_MS };

/**
 * Opens the queue of `options.durable` when no other page has it. `check` is from options.js, which by
 * itself would be one more file for every page.
 */
export async function openQueue({ durable, signal }, check) {
  check(Object(durable), DURABLE_OPTIONS);
  const { name = 'default', ...policy } = durable === true ? {} : durable;
  if (!globalThis.indexedDB || !navigator.locks) {
    throw new OttlaError('CONFIGURATION', 'durable needs IndexedDB and Web Locks');
  }
  const unlock = await lock(`ottla:${name}`, signal);
  const opening = openStore(name);
  try {
    return new Durable(await within(signal, opening), policy, unlock);
  } catch (cause) {
    unlock();
    opening.then(({ store }) => store.close(), () => {});
    if (signal.aborted) throw cause;
    const message = `the queue can't be opened: ${cause?.message ?? cause}`;
    throw new OttlaError('QUEUE_FAILED', message, { retriable: true, cause });
  }
}

/** Resolves with what lets go of the lock. */
function lock(name, signal) {
  return new Promise((resolve, reject) => {
    const hold = () => new Promise((unlock) => resolve(unlock));
    navigator.locks.request(name, { signal }, hold).catch((error) => {
      const message = 'another page has this queue; connect with `shared` to use it from all';
      reject(isLate(signal) ? new OttlaError('QUEUE_IN_USE', message, { retriable: true }) : error);
    });
  });
}

class Durable {
  #store;
  #unlock;
  #maxBytes;
  #onFull;
  #onExpiredLease;
  #entries;
  #leases;
  /** Bytes that are stored or being stored, and of records that have not come so far. */
  #bytes = 0;
  #pending = 0;
  #sizes = new Map();
  #nextKey;
  /** What became of these is not known, and nobody has heard of it yet. */
  #unknown = [];
  #engine;
  #link;
  #producer;
  #changes = -1;
  #put = [];
  #remove = [];
  #held = new Map();
  /** By producer id of an earlier page's lease: what is stored under it still. */
  #left = new Map();
  /** Earlier pages' leases for which a session has no room so far, oldest first. */
  #later;
  /** Who waits until the next of them are sent, or nobody sends any more. */
  #behind = [];
  #writing;

  constructor({ store, entries, leases }, policy, unlock) {
    const { maxBytes = MAX_BYTES, onFull = 'reject', onExpiredLease = 'report' } = policy;
    this.#store = store;
    this.#unlock = unlock;
    this.#maxBytes = maxBytes;
    this.#onFull = onFull;
    this.#onExpiredLease = onExpiredLease;
    this.#entries = entries;
    this.#leases = leases.sort((a, b) => a.since - b.since);
    this.#later = this.#leases.slice(FORMER_LEASES);
    this.#nextKey = (entries.at(-1)?.key ?? 0) + 1;
  }

  /** Whose records are stored, as `owner` of `send` said. */
  owners() {
    return this.#entries.flatMap(({ owners }) => owners ?? []);
  }

  /** Whether records have owners, who send again what the next host does not find stored. */
  get isShared() {
    return this.onDiscard !== undefined;
  }

  /** Tells the session of earlier pages' leases, before it is opened. */
  resume(link) {
    for (const { producerId, ticket } of this.#leases.slice(0, FORMER_LEASES)) {
      link.resume(producerId, ticket);
    }
  }

  /** What earlier pages left is done as far as this session could; a new one takes the next leases. */
  #resumeMore() {
    if (this.#left.size > 0 || this.#later.length === 0) return;
    this.#link.suspend();
    for (const { producerId, ticket, entries } of this.#later.splice(0, FORMER_LEASES)) {
      this.#link.resume(producerId, ticket);
      this.#left.set(producerId, new Set());
      for (const entry of entries) this.#resend(entry, producerId);
    }
    this.#link.wake_up();
    this.#behind.splice(0).forEach((resolve) => resolve());
  }

  /** True, when more of what earlier pages left is being sent; false, when there is no more. */
  async catchUp() {
    if (!this.#engine || this.#later.length === 0) return false;
    await new Promise((resolve) => this.#behind.push(resolve));
    return true;
  }

  /** There is a session: what is left of earlier pages goes first. */
  start(engine, link, producer) {
    this.#engine = engine;
    this.#link = link;
    this.#producer = producer;
    engine.store_batches();
    const resumed = new Set(readLeases(link).filter((it) => it.former).map((it) => it.producerId));
    for (const producerId of resumed) this.#left.set(producerId, new Set());
    const later = new Map(this.#later.map((lease) => [lease.producerId, (lease.entries = [])]));
    for (const entry of this.#entries) {
      const isWhole = entry.bytes.length >= HEADER;
      const producerId = isWhole ? producerIdOf(entry.bytes) : -1;
      if (entry.error) this.#forget(entry, entry.error);
      else if (!isWhole) this.#forget(entry, DAMAGED);
      else if (later.has(producerId)) this.#postpone(entry, later.get(producerId));
      else if (producerId < 0 || resumed.has(producerId)) this.#resend(entry, producerId);
      else if (this.#onExpiredLease === 'resend') this.#resend({ ...entry, anew: true }, -1);
      else this.#forget(entry, LEASE_LOST);
    }
    this.#entries = [];
    this.#later = this.#later.filter(({ entries }) => entries.length > 0);
    this.#releaseWithout([]);
    this.pump();
  }

  #postpone(entry, entries) {
    entries.push(entry);
    this.#grow(entry.key, entry.bytes.length);
  }

  #resend(entry, producerId) {
    this.#left.get(producerId)?.add(entry.key);
    this.#grow(entry.key, entry.bytes.length);
    this.#held.set(entry.key, { owners: entry.owners ?? [] });
    this.#producer.resend(entry, new Replay(entry, (outcome, error) => {
      // A producer that ends leaves it to the next.
      if (error?.code === 'CLOSED') return;
      // What bears a sequence may have been sent.
      if (error) this.#forget(entry, { ...plain(error), ...(producerId >= 0 && { written: 'maybe' }) });
      else this.onReplayed?.(entry, outcome);
    }));
  }

  /** A lease is released when nothing is stored under it any more: as long as there is, the next page
   * needs it to learn what became of that. */
  #releaseWithout(gone) {
    for (const [producerId, keys] of this.#left) {
      gone.forEach((key) => keys.delete(key));
      if (keys.size > 0) continue;
      this.#left.delete(producerId);
      this.#link.release(producerId);
    }
    this.#resumeMore();
  }

  /** What became of an entry is not known: it stays until somebody has heard of it. */
  #forget(entry, error) {
    if (this.onReplayed?.(entry, undefined, revive(error))) {
      return this.onDiscard(entry.key, entry.owners);
    }
    const report = { topic: entry.topic, error: revive(error), batch: entry.bytes, replayed: true };
    if (this.#producer.report(report)) return this.#remove.push(entry.key);
    this.#unknown.push({ key: entry.key, report });
    this.#held.set(entry.key, { ...entry, error });
    this.#remove = this.#remove.filter((key) => key !== entry.key);
    if (!entry.error) this.#put.push({ ...entry, error });
  }

  /** Called for every entry of an earlier page's when its outcome is known; true: somebody heard. */
  onReplayed;

  /** Somebody listens from now on. */
  tellUnknown() {
    for (const { key, report } of this.#unknown.splice(0)) {
      this.#producer.report(report);
      this.#held.delete(key);
      this.#remove.push(key);
    }
    this.pump();
  }

  /** Throws where there is no room for so many bytes more. */
  admit(slot, size) {
    const full = this.#bytes + this.#pending + size > this.#maxBytes;
    if (full && this.#onFull === 'reject') {
      const message = `more than ${this.#maxBytes} bytes wait to be acknowledged`;
      throw new OttlaError('QUEUE_FULL', message, { retriable: true });
    }
    slot.size = size;
    this.#pending += size;
  }

  /** A record's promise, with its step `stored`. */
  promise(sent, slot) {
    sent.stored = new Promise((resolve, reject) => {
      slot.stored = resolve;
      slot.notStored = reject;
    });
    sent.stored.catch(() => {});
    const done = (settle) => (outcome) => {
      this.#settled(slot);
      settle(outcome);
    };
    sent.then(done(() => slot.stored()), done(slot.notStored));
    return sent;
  }

  #settled(slot) {
    this.#pending -= slot.size ?? 0;
    slot.size = 0;
  }

  /** Takes what is to be stored and to be removed out of the module, and writes it. */
  pump() {
    if (!this.#engine) return;
    for (let item; (item = this.#engine.next_to_store()); ) this.#keep(item);
    for (let key; (key = this.#engine.next_to_remove()) >= 0; ) this.#discard(key);
    this.#writing ??= this.#write();
  }

  /** web/src/durable.rs has the layout. */
  #keep(item) {
    const view = new DataView(item.buffer, item.byteOffset, item.length);
    const [number, topic, partition, count] = [0, 4, 8, 12].map((at) => view.getUint32(at, true));
    const replaces = view.getFloat64(16, true);
    const slots = [];
    for (let at = 24; at < 24 + 8 * count; at += 8) {
      slots.push([this.#producer.slot(view.getUint32(at, true)), view.getUint32(at + 4, true)]);
    }
    const bytes = item.slice(24 + 8 * count);
    const key = replaces >= 0 ? replaces : this.#nextKey++;
    const owners = slots.map(([slot, index]) => slot?.owner?.(index)).filter((owner) => owner);
    const former = this.#held.get(key)?.owners ?? [];
    const entry = { key, topic: this.#producer.topicName(topic), partition, bytes, owners: [...owners, ...former] };
    if (this.#onFull !== 'reject' && this.#bytes + bytes.length > this.#maxBytes && replaces < 0) {
      return this.#written({ number, slots }, -1, 'there is no room');
    }
    this.#grow(key, bytes.length);
    this.#held.set(key, { owners: entry.owners });
    this.#put.push(Object.assign(entry, { number, slots }));
  }

  #grow(key, size) {
    this.#bytes += size - (this.#sizes.get(key) ?? 0);
    this.#sizes.set(key, size);
  }

  #shrink(key) {
    this.#bytes -= this.#sizes.get(key) ?? 0;
    this.#sizes.delete(key);
  }

  #discard(key) {
    this.#shrink(key);
    const kept = this.#held.get(key);
    if (kept?.error) return;
    if (kept?.owners.length && this.onDiscard) return this.onDiscard(key, kept.owners);
    this.discard(key);
  }

  /** Removes what was kept for its owners. */
  discard(key) {
    this.#held.delete(key);
    this.#remove.push(key);
  }

  /** Called for a batch whose owners are to hear of their outcome first; then `discard` follows. */
  onDiscard;

  async #write() {
    // One transaction for all that this turn of the event loop brings.
    await undefined;
    for (;;) {
      // After a crash nothing more is known of what is stored.
      if (!this.#engine) return this.#stopWriting();
      const leases = this.#newLeases();
      const [put, remove] = [this.#put.splice(0), this.#remove.splice(0)];
      if (!leases && put.length === 0 && remove.length === 0) return this.#stopWriting();
      const gone = new Set(remove);
      const kept = put.filter(({ key }) => !gone.has(key));
      const entries = kept.map(({ number, slots, anew, ...entry }) => entry);
      try {
        await this.#store.write({ put: entries, remove, leases });
        put.forEach((entry) => this.#written(entry, entry.key));
        this.#releaseWithout([...remove, ...entries.filter((it) => it.error).map((it) => it.key)]);
      } catch (error) {
        put.forEach((entry) => this.#written(entry, -1, error));
        // What has its outcome must not be there when its lease is over.
        this.#remove.push(...remove);
        if (leases) this.#changes = -1;
        // If not even that can be written, it waits until something happens.
        if (put.length === 0) return this.#stopWriting();
      }
      this.#producer.wake();
    }
  }

  #stopWriting() {
    this.#writing = undefined;
  }

  #written({ number, slots, key: own }, key, cause) {
    if (number === undefined) return;
    if (key < 0) {
      this.#held.delete(own);
      this.#shrink(own);
    }
    this.#engine?.stored(number, key);
    for (const [slot] of slots) {
      if (!slot) continue;
      if (key < 0) slot.notStored?.(notStored(cause));
      slot.unstored = (slot.unstored ?? slot.left ?? 1) - 1;
      if (slot.unstored > 0) continue;
      this.#settled(slot);
      slot.stored?.();
    }
  }

  /** The leases with their tickets, if they are others than are stored. */
  #newLeases() {
    const changes = this.#link.lease_changes();
    if (changes === this.#changes) return undefined;
    this.#changes = changes;
    return [...readLeases(this.#link), ...this.#later].map(({ producerId, ticket }) => {
      const known = this.#leases.find((lease) => lease.producerId === producerId);
      return { producerId, ticket, since: known?.since ?? Date.now() };
    });
  }

  /** The producer has ended: what is left waits for the next page. */
  async close() {
    if (!this.#engine) return;
    this.pump();
    while (this.#writing) await this.#writing;
    if (!this.#engine) return;
    // What is held for its owners, the next host asks the leases' sequences about.
    const isHeld = [...this.#held.values()].some(({ error }) => !error);
    if (this.#sizes.size === 0 && !isHeld && this.#remove.length === 0) {
      for (const { producerId } of readLeases(this.#link)) this.#link.release(producerId);
      await this.#store.write({ put: [], remove: [], leases: [] }).catch(() => {});
    }
    this.#engine = undefined;
    this.abandon();
  }

  /** The module has crashed: what is stored waits for the next page. */
  crash() {
    this.#engine = undefined;
    this.abandon();
  }

  /** The page lets go of the queue. */
  abandon() {
    this.#behind.splice(0).forEach((resolve) => resolve());
    this.#store.close();
    this.#unlock();
  }
}

const LEASE_LOST = {
  code: 'LEASE_LOST',
  message: 'stored by an earlier page, whose lease is over; it may be in the log or not',
  written: 'maybe',
};

const DAMAGED = {
  code: 'INVALID_RECORD',
  message: 'the stored bytes are no whole record batch',
  written: 'maybe',
};

/** The place of a batch that an earlier page left: one outcome for all of its records. */
class Replay {
  constructor(entry, done) {
    this.topic = entry.topic;
    this.bytes = entry.bytes;
    this.done = done;
  }

  settle(index, outcome, error) {
    this.done(outcome, error);
    return true;
  }

  /** One report for each record; what failed is reported otherwise. */
  reports(outcome) {
    if (!outcome) return [];
    const length = new DataView(this.bytes.buffer, this.bytes.byteOffset).getInt32(57);
    return Array.from({ length }, (_, index) => {
      const offset = outcome.offset === undefined ? undefined : outcome.offset + index;
      return { ...outcome, offset, replayed: true };
    });
  }
}

/** The producer id in a batch's header. */
function producerIdOf(bytes) {
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(43));
}

/** web/src/durable.rs has the layout. */
function readLeases(link) {
  const bytes = link.leases();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const leases = [];
  for (let at = 0; at < bytes.length; ) {
    const [producerId, former] = [view.getFloat64(at, true), bytes[at + 8] === 1];
    const end = at + 10 + bytes[at + 9];
    leases.push({ producerId, former, ticket: bytes.slice(at + 10, end) });
    at = end;
  }
  return leases;
}

function notStored(cause) {
  const message = `the record is sent without being stored: ${cause?.message ?? cause}`;
  return new OttlaError('NOT_STORED', message, { written: 'maybe', cause });
}

function plain({ code, message, retriable, written }) {
  return { code, message, retriable, written: written === 'no' ? 'no' : 'maybe' };
}

function revive({ code, message, ...rest }) {
  return new OttlaError(code, message, rest);
}
