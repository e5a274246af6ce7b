import { crash } from './crash.js';
import { OttlaError, parseError, rejectOnAbort } from './errors.js';
import { named } from './metrics.js';
import { Reports } from './reports.js';
import { BatchSlot, ChoreSlot, SingleSlot, Slots } from './slots.js';
import { invalid, Staging } from './staging.js';
import { later } from './timers.js';
import { sizeOf, writable } from './writable.js';

const ROW = 32;
/** How long `close` waits for records without an outcome. */
const CLOSE_TIMEOUT_MS = 30_000;
/**
 * A Kafka producer: the module with its records going in, its outcomes coming out, and a timer.
 * Made by `connect`.
 */
export class Producer {
  #module;
  #engine;
  #staging;
  #slots = new Slots();
  #topics = new Map();
  #reports = new Set();
  #scheduled = false;
  #stopTimer = () => {};
  #timerDue = Infinity;
  #closed;
  #onClose;
  #onCrash;
  #durable;
  #cause;

  /**
   * `start(wake)` makes the module's engine; it calls `wake` when something has happened. `durable`
   * stores batches before they are sent; `onCrash` lets go of what is outside of the module; `cause`
   * tells what may be behind an error.
   */
  constructor(module, start, { onClose = () => {}, onCrash, durable, cause } = {}) {
    this.#module = module;
    this.#engine = start(() => this.wake());
    this.#staging = new Staging(this.#engine, module.memory);
    this.#onClose = onClose;
    this.#onCrash = onCrash;
    this.#durable = durable;
    this.#cause = cause;
    module.producers.add(this);
  }

  /** Sends a record; resolves with where it is stored. */
  send(record, { signal, owner } = {}) {
    let slot;
    const sent = new Promise((resolve, reject) => {
      slot = new SingleSlot(record?.topic, resolve, reject);
      slot.owner = owner;
      this.#begin(signal, slot, () => {
        this.#durable?.admit(slot, sizeOf(record));
        const number = this.#slots.take(slot);
        this.#stage(number, () => this.#staging.add(this.#topic(slot.topic), record, number, 0));
      });
    });
    return this.#durable?.promise(sent, slot) ?? sent;
  }

  /** Sends records of one topic; resolves with where each is stored, in their order. */
  sendBatch(topic, records, { signal, failed } = {}) {
    let slot;
    const sent = new Promise((resolve, reject) => {
      slot = new BatchSlot(topic, records?.length, resolve, reject);
      slot.failed = failed;
      if (!Array.isArray(records)) throw invalid('records are in an array');
      if (records.length === 0) return resolve([]);
      this.#begin(signal, slot, () => {
        this.#durable?.admit(slot, records.reduce((size, record) => size + sizeOf(record), 0));
        this.#sendAll(slot, records);
      });
    });
    return this.#durable?.promise(sent, slot) ?? sent;
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
    this.wake();
  }

  /** A stream of values, or of records without their topic, with back-pressure. */
  writable(topic, options) {
    return writable(this, topic, options);
  }

  /** Every outcome from now on, of all records: `{topic, partition, offset, timestamp}` or
   * `{topic, error}`. Ends with the producer. */
  reports() {
    const reports = new Reports(() => this.#reports.delete(reports));
    if (this.#closed) reports.end();
    else this.#reports.add(reports);
    this.#durable?.tellUnknown();
    return reports;
  }

  /** Resolves when every record sent before has its outcome; sends them without lingering. */
  async flush() {
    await this.#chore((slot) => this.#engine.flush(slot));
    if (await this.#durable?.catchUp()) await this.flush();
  }

  /** Sends what is waiting, then ends. What has no outcome after `timeout` ms is rejected. */
  close({ timeout = CLOSE_TIMEOUT_MS } = {}) {
    this.#closed ??= this.#chore((slot) => this.#engine.close(slot, timeout)).then(async () => {
      this.#stopTimer();
      await this.#durable?.close();
      for (const reports of this.#reports) reports.end();
      this.#reports.clear();
      this.#onClose();
      this.#module.producers.delete(this);
    });
    return this.#closed;
  }

  [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    return this.close();
  }

  /** What the producer has counted since it was made. */
  metrics() {
    return { ...named(this.#engine.metrics()), promisesOpen: this.#slots.open };
  }

  // What follows is for the other parts of the package.

  /** The module has crashed. What is open may be stored; what is sent from now on is not. */
  crash(cause) {
    this.#stopTimer();
    const error = crash(cause, 'maybe');
    for (const slot of this.#slots) {
      if (slot.topic !== undefined) this.#report(slot, undefined, error);
      if (slot.reject) slot.reject(error);
      else slot.resolve?.();
    }
    this.#durable?.crash();
    this.#onCrash();
  }

  /** Something has happened: everything that it brings is done in one go, at the task's end. */
  wake() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#poll();
    });
  }

  /** Sets the timer again: the page was hidden or shown, which timers heed. */
  rearm() {
    this.#stopTimer();
    this.#timerDue = Infinity;
    this.wake();
  }

  /** No timer from now on, until `rearm`. */
  pause() {
    this.#stopTimer();
    this.#timerDue = -Infinity;
  }

  /** Sends a batch again that an earlier page stored. */
  resend(entry, slot) {
    const number = this.#slots.take(slot);
    this.#stage(number, () => this.#staging.addBatch(this.#topic(slot.topic), entry, number));
  }

  /** Tells those who read reports; false if nobody does. */
  report(report) {
    for (const reports of this.#reports) reports.push(report);
    return this.#reports.size > 0;
  }

  slot(number) {
    return this.#slots.get(number);
  }

  topicName(number) {
    return [...this.#topics.keys()][number];
  }

  /** The body of a one-shot request with everything that has no answer, while the page is left. */
  lastWords(link, token, most) {
    this.#staging.submit();
    this.wake();
    return this.#engine.last_words(link, token, most, Boolean(this.#durable?.isShared));
  }

  #begin(signal, slot, send) {
    if (this.#closed) throw new OttlaError('CLOSED', 'the producer is closed');
    if (this.#module.crashed) throw crash(this.#module.crashed, 'no');
    if (signal) {
      signal.throwIfAborted();
      rejectOnAbort(signal, slot, () => {
        this.#engine.abort?.(slot.number);
        this.wake();
      });
    }
    try {
      send();
    } catch (error) {
      slot?.reject(error);
      throw error;
    }
    if (this.#module.crashed) throw crash(this.#module.crashed, 'maybe');
  }

  #stage(number, add) {
    try {
      add();
    } catch (error) {
      this.#slots.release(number);
      throw asError(error);
    }
    if (this.#staging.isFull) this.#staging.submit();
    this.wake();
  }

  #topic(name) {
    let number = this.#topics.get(name);
    if (number === undefined) {
      if (typeof name !== 'string' || name === '') {
        throw invalid("a record's topic is its name");
      }
      number = this.#engine.topic(name);
      this.#topics.set(name, number);
    }
    return number;
  }

  /** Asks the module for something of which a slot hears; for the package's own use. */
  ask(begin) {
    return new Promise((resolve, reject) => {
      this.#begin(undefined, undefined, () => {
        this.#staging.submit();
        begin(this.#engine, this.#slots.take(new SingleSlot(undefined, resolve, reject)));
        this.wake();
      });
    });
  }

  #chore(begin) {
    if (this.#closed) return this.#closed;
    return new Promise((resolve) => {
      this.#staging.submit();
      if (this.#module.crashed) return resolve();
      begin(this.#slots.take(new ChoreSlot(resolve)));
      this.wake();
    });
  }

  #poll() {
    this.#staging.submit();
    const wait = this.#engine.poll();
    if (this.#module.crashed) return;
    this.#durable?.pump();
    this.#settle();
    if (wait < 0) return;
    const due = performance.now() + wait;
    // A timer that fires early does no harm; a new one for each call would cost more.
    if (due < this.#timerDue) {
      this.#stopTimer();
      this.#timerDue = due;
      this.#stopTimer = later(() => {
        this.#timerDue = Infinity;
        this.#poll();
      }, Math.min(Math.ceil(wait), 0x7fffffff));
    }
  }

  /** Reads the rows of outcomes, whose layout stands in web/src/results.rs. */
  #settle() {
    const size = this.#engine.rows_size();
    if (size === 0) return;
    const rows = new DataView(this.#module.memory.buffer, this.#engine.rows(), size);
    const texts = [];
    for (let at = 0; at < size; at += ROW) {
      const number = rows.getUint32(at, true);
      const slot = this.#slots.get(number);
      const errorNumber = rows.getUint32(at + 12, true);
      let error;
      let outcome;
      if (errorNumber > 0) {
        // One for each promise: who waits may change it.
        const text = (texts[errorNumber] ??= this.#engine.error(errorNumber));
        error = parseError(text, this.#cause?.());
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
    const own = [outcome ?? { topic: slot.topic, error }];
    for (const report of slot.reports?.(outcome) ?? own) this.report(report);
  }
}

function asError(error) {
  return error instanceof Error ? error : invalid(String(error));
}
