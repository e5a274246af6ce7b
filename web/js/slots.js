// Who hears of an outcome: numbered places for the promises that are open.

/** One record's promise. */
export class SingleSlot {
  constructor(topic, resolve, reject) {
    this.topic = topic;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** Takes an outcome; returns whether it was the last. */
  settle(index, outcome, error) {
    if (error) this.reject(error);
    else this.resolve(outcome);
    return true;
  }
}

/** One promise for many records: their outcomes in order, or the first error. `failed` hears of each
 * error at once. */
export class BatchSlot {
  constructor(topic, count, resolve, reject) {
    this.topic = topic;
    this.left = count;
    this.outcomes = new Array(count);
    this.resolve = resolve;
    this.reject = reject;
  }

  settle(index, outcome, error) {
    this.outcomes[index] = outcome ?? error;
    if (error) this.failed?.(error);
    this.error ??= error;
    if ((this.left -= 1) > 0) return false;
    if (this.error) {
      this.error.outcomes = this.outcomes;
      this.reject(this.error);
    } else {
      this.resolve(this.outcomes);
    }
    return true;
  }
}

/** Something that is not a record: a flush, a close. */
export class ChoreSlot {
  constructor(resolve) {
    this.resolve = resolve;
  }

  settle() {
    this.resolve();
    return true;
  }
}

/** The places. A number is used again when its promise is settled. */
export class Slots {
  #slots = [];
  #free = [];

  /** How many promises are open. */
  get open() {
    return this.#slots.length - this.#free.length;
  }

  take(slot) {
    const number = this.#free.pop() ?? this.#slots.length;
    this.#slots[number] = slot;
    return (slot.number = number);
  }

  /** Those that are open. */
  [Symbol.iterator]() {
    return this.#slots.filter((slot) => slot).values();
  }

  get(number) {
    return this.#slots[number];
  }

  release(number) {
    this.#slots[number] = undefined;
    this.#free.push(number);
  }
}
