import { OttlaError } from './errors.js';

const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** A producer that sends within transactions alone, one after another. Made by `connect`. */
export class TransactionalProducer {
  #producer;
  #open;

  constructor(producer) {
    this.#producer = producer;
  }

  /** Takes over the transactional id from whoever had it. */
  static async initialise(producer) {
    try {
      await producer.ask((engine, slot) => engine.initialise(slot));
    } catch (error) {
      await producer.close({ timeout: 0 });
      throw error;
    }
    return new TransactionalProducer(producer);
  }

  /** Begins a transaction; the one before must have ended. */
  async transaction() {
    if (this.#open?.isOpen) throw invalidState('the transaction before has not ended');
    const before = this.#open?.ended;
    const transaction = new Transaction(this.#producer);
    this.#open = transaction;
    try {
      await before?.catch(() => {});
      await this.#producer.ask((engine, slot) => engine.begin(slot));
    } catch (error) {
      transaction.isOpen = false;
      throw error;
    }
    return transaction;
  }

  /** As a `Producer`'s. */
  reports() {
    return this.#producer.reports();
  }

  /** Aborts the transaction that is open, if one is, and ends. */
  close(options) {
    if (this.#open) this.#open.isOpen = false;
    return this.#producer.close(options);
  }

  [asyncDispose]() {
    return this.close();
  }

  metrics() {
    return this.#producer.metrics();
  }
}

/** What is sent in it becomes visible with its commit, or never. */
export class Transaction {
  #producer;
  /** Why a record was not even taken: it is missing, so there is no commit. */
  #refusal;
  /** A commit or an abort that had no answer in time. */
  #ending;
  isOpen = true;
  /** Of its commit or abort. */
  ended;

  constructor(producer) {
    this.#producer = producer;
  }

  /** As a `Producer`'s. */
  send(record, options) {
    return this.#sent(() => this.#producer.send(record, options));
  }

  /** As a `Producer`'s. */
  sendBatch(topic, records, options) {
    // Its promise waits for all of them, and a commit may come before.
    const failed = (error) => (this.#refusal ??= error);
    return this.#sent(() => this.#producer.sendBatch(topic, records, { ...options, failed }));
  }

  /** Makes a consumer group's offsets part of the transaction. */
  async sendOffsets(group, offsets) {
    this.#check();
    const { groupId, generationId = -1, memberId = '', groupInstanceId } =
      typeof group === 'string' ? { groupId: group } : group;
    if ([groupId, memberId, groupInstanceId ?? ''].some((text) => typeof text !== 'string')) {
      throw new OttlaError('INVALID_GROUP_ID', 'a group has a groupId, and its names are texts');
    }
    const list = offsets.map(checkedOffset);
    if (list.length === 0) return;
    await this.#producer.ask((engine, slot) => {
      for (const offset of list) engine.offset(...offset);
      engine.send_offsets(slot, groupId, generationId, memberId, groupInstanceId ?? undefined);
    });
  }

  /** Makes all of it visible, when all records are acknowledged; or aborts, and says why. */
  commit() {
    return this.#finish(async (again) => {
      if (!again) await this.#producer.ask((engine, slot) => engine.accept(slot));
      if (again || !this.#refusal) return this.#end(true);
      await this.#end(false);
      throw aborted(this.#refusal);
    });
  }

  /** Nothing of it is ever visible. */
  abort() {
    return this.#finish(() => this.#end(false));
  }

  /** Aborts, unless it has ended. */
  async [asyncDispose]() {
    if (this.isOpen) await this.abort();
  }

  /** Once; or again, where there was no answer in time. */
  async #finish(end) {
    const again = this.#ending !== undefined;
    if (!again) this.#check();
    this.isOpen = false;
    this.ended = end(again);
    return this.ended;
  }

  async #end(commit) {
    if (this.#ending !== undefined && this.#ending !== commit) {
      throw invalidState(`${this.#ending ? 'a commit' : 'an abort'} goes on`);
    }
    try {
      await this.#producer.ask((engine, slot) => engine.end(slot, commit));
      this.#ending = undefined;
    } catch (error) {
      this.#ending = error.code === 'TIMED_OUT' ? commit : undefined;
      throw error;
    }
  }

  /** The promise, of which the commit hears too. */
  #sent(send) {
    this.#check();
    const sent = send();
    sent.catch((error) => (this.#refusal ??= error));
    return sent;
  }

  #check() {
    if (!this.isOpen) throw invalidState('the transaction has ended');
  }
}

/** In the order of the module's arguments. */
function checkedOffset({ topic, partition, offset, leaderEpoch, metadata }) {
  const number = Number(offset);
  const note = metadata ?? '';
  if (typeof note !== 'string') throw new OttlaError('INVALID_OFFSET', "an offset's metadata is a text");
  if (typeof topic !== 'string' || !Number.isInteger(partition) || !Number.isSafeInteger(number)) {
    throw new OttlaError('INVALID_OFFSET', 'an offset has a topic, a partition and an offset');
  }
  return [topic, partition, number, leaderEpoch ?? -1, note];
}

function aborted(cause) {
  const message = `the transaction was not committed: a record was not sent: ${cause.message}`;
  return new OttlaError(cause.code, message, { abortable: true, cause });
}

function invalidState(message) {
  return new OttlaError('INVALID_TXN_STATE', message);
}
