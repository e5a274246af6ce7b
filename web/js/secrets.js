import { answer } from './token.js';

/**
 * What logins need that has to be fetched, for the module (web/src/secrets.rs). Asked by each login,
 * also by one that renews a session, so that it gets what is valid then; those that wait at the same
 * time share one answer.
 */
export class Secrets {
  #fetch;
  #wake;
  #fetching = false;
  #answer;

  /** `fetch` returns a text, or a promise of one. */
  constructor(fetch) {
    this.#fetch = fetch;
  }

  attach(wake) {
    this.#wake = wake;
  }

  /** Whether there is something, false for never, undefined while it is being fetched. */
  poll() {
    if (!this.#answer && !this.#fetching) this.#begin();
    return this.#answer?.found;
  }

  text() {
    return this.#answer.text;
  }

  async #begin() {
    this.#fetching = true;
    this.#answer = await this.#ask();
    this.#fetching = false;
    this.#wake();
    // By then all who wait have taken it.
    setTimeout(() => (this.#answer = undefined));
  }

  async #ask() {
    try {
      // The module is in the middle of something: nothing of the user's runs within that.
      await undefined;
      const text = await answer(this.#fetch);
      if (typeof text === 'string') return { found: true, text };
      return { found: false, text: 'what was returned is no text' };
    } catch (error) {
      return { found: false, text: String(error?.message ?? error) };
    }
  }
}
