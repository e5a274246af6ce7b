import { produceUrl, sessionUrl } from './address.js';
import { configuration } from './options.js';
import { askToken } from './token.js';

/** The WebSocket to a bridge, for the module (web/src/channel.rs). */
export class Channel {
  /** The token that was asked for last. */
  token = '';
  #url;
  #token;
  #socket;
  #link;
  #wake;

  /** `token` is a text, or a function that returns one or a promise of one. */
  constructor(url, token) {
    if (typeof WebSocket === 'undefined') {
      throw configuration('this runtime has no WebSocket: Node has it from 22 on');
    }
    this.#url = sessionUrl(url);
    this.#token = token;
  }

  /** Where a request without a session goes. */
  get produceUrl() {
    return produceUrl(this.#url);
  }

  attach(link, wake) {
    this.#link = link;
    this.#wake = wake;
  }

  open() {
    let socket;
    try {
      socket = new WebSocket(this.#url, ['ottla.v1']);
    } catch ({ message }) {
      // The module is in the middle of something: it hears of that later.
      socket = { addEventListener() {}, close() {} };
      queueMicrotask(() => closed({ message }));
    }
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    const tell = (tellLink) => (event) => {
      if (this.#socket !== socket) return;
      tellLink(event);
      this.#wake();
    };
    socket.addEventListener('open', tell(() => this.#link.opened()));
    socket.addEventListener('message', tell(({ data }) => this.#receive(data)));
    // An error is always followed by its close, but not in every runtime.
    const closed = tell(({ code, reason, message }) => {
      this.#socket = undefined;
      this.#link.closed(code ?? 1006, reason || message || '');
    });
    socket.addEventListener('close', closed);
    socket.addEventListener('error', (event) => {
      if (socket.readyState >= WebSocket.CLOSING) setTimeout(closed, 100, event);
    });
  }

  send(message) {
    try {
      this.#socket?.send(message.slice());
    } catch {
      // It is closing; the event that says so is on its way.
    }
  }

  buffered() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  close(code) {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(code);
  }

  want_token() {
    askToken(this.#token)
      .then(
        (token) => this.#link.set_token((this.token = token)),
        (error) => this.#link.no_token(String(error?.message ?? error)),
      )
      .finally(() => this.#wake());
  }

  #receive(data) {
    if (typeof data === 'string') {
      this.close(4003);
      this.#link.closed(1003, 'the bridge sent text');
    } else {
      this.#link.received(new Uint8Array(data));
    }
  }
}
