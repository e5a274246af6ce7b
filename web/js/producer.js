import { OttlaError, parseError } from './errors.js';
import { Reports } from './reports.js';
import { BatchSlot, ChoreSlot, SingleSlot, Slots } from './slots.js';
import { Staging } from './staging.js';

const ROW = 32;
/** How long `close` waits for records without an outcome. */
const CLOSE_TIMEOUT_MS = 30_000;
/** A stream of `writable` has at most so many bytes on their way. */
const WRITABLE_BYTES = 1024 * 1024;

/**
 * A Kafka producer: the module with its records going in, its outcomes coming out, and a timer.
 * Made by `connect`.
 */
export class Producer {
  #engine;
  #memory;
  #staging;
  #slots = new Slots();
  #topics = new Map();
  #reports = new Set();
  #scheduled = false;
  #timer;
  #timerDue = Infinity;
  #closed;
  #onClose;

  /** `start(wake)` makes the module's engine; it calls `wake` when something has happened. */
  constructor(memory, start, onClose = () => {}) {
    this.#memory = memory;
    this.#engine = start(() => this.#schedule());
    this.#staging = new Staging(this.#engine, memory);
    this.#onClose = onClose;
  }

  /** Sends a record; resolves with where it is stored. */
  send(record, { signal } = {}) {
    return new Promise((resolve, reject) => {
      const slot = new SingleSlot(record?.topic, resolve, reject);
      this.#begin(signal, slot, () => {
        const number = this.#slots.take(slot);
        this.#stage(number, () => this.#staging.add(this.#topic(slot.topic), record, number, 0));
      });
    });
  }

  /** Sends records of one topic; resolves with where each is stored, in their order. */
  sendBatch(topic, records, { signal } = {}) {
    return new Promise((resolve, reject) => {
      const slot = new BatchSlot(topic, records.length, resolve, reject);
      if (records.length === 0) return resolve([]);
      this.#begin(signal, slot, () => this.#sendAll(slot, records));
    });
  }

  #sendAll(slot, records) {
    const topic = this.#topic(slot.topic);
    const number = this.#slots.take(slot);
    for (let index = 0; index < records.length; index += 1) {
      try {
        this.#staging.add(topic, records[index], number, index);
      } catch (error) {
        if (slot.settle(index, undefined, asError(error))) this.#slots.release(number);
        continue;
      }
      if (this.#staging.isFull) this.#staging.submit();
    }
    this.#schedule();
  }

  /** A stream of values, or of records without their topic, with back-pressure. */
  writable(topic, { highWaterMark = WRITABLE_BYTES } = {}) {
    let inFlight = 0;
    let failure;
    let resume = () => {};
    const settled = (size) => (error) => {
      inFlight -= size;
      failure ??= error instanceof Error ? error : undefined;
      resume();
    };
    const room = () => new Promise((resolve) => (resume = resolve));
    return new WritableStream({
      write: async (chunk) => {
        const record = isContent(chunk) ? { topic, value: chunk } : { ...chunk, topic };
        const size = sizeOf(record);
        inFlight += size;
        const done = settled(size);
        this.send(record).then(done, done);
        while (inFlight >= highWaterMark && !failure) await room();
        if (failure) throw failure;
      },
      close: async () => {
        while (inFlight > 0 && !failure) await room();
        if (failure) throw failure;
      },
    });
  }

  /** Every outcome from now on, of all records: `{topic, partition, offset, timestamp}` or
   * `{topic, error}`. Ends with the producer. */
  reports() {
    const reports = new Reports(() => this.#reports.delete(reports));
    if (this.#closed) reports.end();
    else this.#reports.add(reports);
    return reports;
  }

  /** Resolves when every record sent before has its outcome; sends them without lingering. */
  flush() {
    return this.#chore((slot) => this.#engine.flush(slot));
  }

  /** Sends what is waiting, then ends. What has no outcome after `timeout` ms is rejected. */
  close({ timeout = CLOSE_TIMEOUT_MS } = {}) {
    this.#closed ??= this.#chore((slot) => this.#engine.close(slot, timeout)).then(() => {
      clearTimeout(this.#timer);
      for (const reports of this.#reports) reports.end();
      this.#reports.clear();
      this.#onClose();
    });
    return this.#closed;
  }

  [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    return this.close();
  }

  /** What the producer has counted since it was made. */
  metrics() {
    const names = this.#engine.constructor.metric_names().split(',');
    const values = this.#engine.metrics();
    const metrics = Object.fromEntries(names.map((name, index) => [name, values[index]]));
    metrics.promisesOpen = this.#slots.open;
    return metrics;
  }

  #begin(signal, slot, send) {
    if (this.#closed) throw new OttlaError('CLOSED', 'the producer is closed');
    if (signal) {
      signal.throwIfAborted();
      const abort = () => slot.reject(aborted(signal.reason));
      signal.addEventListener('abort', abort, { once: true });
      const { resolve, reject } = slot;
      const done = (settle) => (value) => {
        signal.removeEventListener('abort', abort);
        settle(value);
      };
      slot.resolve = done(resolve);
      slot.reject = done(reject);
    }
    send();
  }

  #stage(number, add) {
    try {
      add();
    } catch (error) {
      this.#slots.release(number);
      throw asError(error);
    }
    if (this.#staging.isFull) this.#staging.submit();
    this.#schedule();
  }

  #topic(name) {
    let number = this.#topics.get(name);
    if (number === undefined) {
      if (typeof name !== 'string' || name === '') {
        throw new OttlaError('INVALID_RECORD', "a record's topic is its name");
      }
      number = this.#engine.topic(name);
      this.#topics.set(name, number);
    }
    return number;
  }

  #chore(begin) {
    if (this.#closed) return this.#closed;
    return new Promise((resolve) => {
      this.#staging.submit();
      begin(this.#slots.take(new ChoreSlot(resolve)));
      this.#schedule();
    });
  }

  /** Does everything that this task brought in one go, at its end. */
  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#poll();
    });
  }

  #poll() {
    this.#staging.submit();
    const wait = this.#engine.poll();
    this.#settle();
    if (wait < 0) return;
    const due = performance.now() + wait;
    // A timer that fires early does no harm; a new one for each call would cost more.
    if (due < this.#timerDue) {
      clearTimeout(this.#timer);
      this.#timerDue = due;
      this.#timer = setTimeout(() => {
        this.#timerDue = Infinity;
        this.#poll();
      }, Math.min(Math.ceil(wait), 0x7fffffff));
    }
  }

  /** Reads the rows of outcomes, whose layout stands in web/src/results.rs. */
  #settle() {
    const size = this.#engine.rows_size();
    if (size === 0) return;
    const rows = new DataView(this.#memory.buffer, this.#engine.rows(), size);
    const errors = [];
    for (let at = 0; at < size; at += ROW) {
      const number = rows.getUint32(at, true);
      const slot = this.#slots.get(number);
      const errorNumber = rows.getUint32(at + 12, true);
      let error;
      let outcome;
      if (errorNumber > 0) {
        error = errors[errorNumber] ??= parseError(this.#engine.error(errorNumber));
      } else {
        const offset = rows.getFloat64(at + 16, true);
        outcome = {
          topic: slot.topic,
          partition: rows.getInt32(at + 8, true),
          offset: offset < 0 ? undefined : offset,
          timestamp: rows.getFloat64(at + 24, true),
        };
      }
      if (this.#reports.size > 0 && slot.topic !== undefined) this.#report(slot, outcome, error);
      if (slot.settle(rows.getUint32(at + 4, true), outcome, error)) this.#slots.release(number);
    }
    this.#engine.clear();
  }

  #report(slot, outcome, error) {
    const report = outcome ?? { topic: slot.topic, error };
    for (const reports of this.#reports) reports.push(report);
  }
}

/** What `writable` takes as a value rather than as a record. */
function isContent(chunk) {
  return typeof chunk === 'string' || chunk instanceof ArrayBuffer || ArrayBuffer.isView(chunk);
}

/** Roughly what a record takes. */
function sizeOf({ key, value }) {
  const size = (content) => content?.byteLength ?? content?.length ?? 0;
  return size(key) + size(value) + 70;
}

function asError(error) {
  if (error instanceof Error) return error;
  return new OttlaError('INVALID_RECORD', String(error));
}

/** What was handed over can't be taken back. */
function aborted(cause) {
  const message = 'aborted; the record may be stored all the same';
  return new OttlaError('ABORTED', message, { written: 'maybe', cause });
}
