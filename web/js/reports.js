/** Outcomes as an async iterator. What is not read yet is kept; leaving the loop ends it. */
export class Reports {
  #unread = [];
  /** Where the unread ones begin: taking them off one by one would move all others. */
  #start = 0;
  #readers = [];
  #ended = false;
  #onReturn;

  constructor(onReturn) {
    this.#onReturn = onReturn;
  }

  push(report) {
    const reader = this.#readers.shift();
    if (reader) reader({ done: false, value: report });
    else this.#unread.push(report);
  }

  end() {
    this.#ended = true;
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
  }

  /** Ends it for good; what is unread can still be read. */
  finish() {
    this.end();
    this.#onReturn();
  }

  next() {
    if (this.#start < this.#unread.length) {
      return Promise.resolve({ done: false, value: this.#take() });
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return() {
    this.#unread = [];
    this.#start = 0;
    this.end();
    this.#onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  #take() {
    const report = this.#unread[this.#start];
    this.#unread[this.#start] = undefined;
    this.#start += 1;
    if (this.#start === this.#unread.length) {
      this.#unread = [];
      this.#start = 0;
    }
    return report;
  }
}
