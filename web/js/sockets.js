/**
 * TCP for the module (web/src/sockets.rs), over what a runtime has:
 * `open({host, port}, {writable, received, ended})` returns `{write, close}`. `write` takes all
 * bytes, keeps a copy, and says whether there may be more; if not, `writable` follows.
 */
export class Sockets {
  #open;
  #sockets = new Map();
  #engine;
  #wake;

  constructor(open) {
    this.#open = open;
  }

  attach(engine, wake) {
    this.#engine = engine;
    this.#wake = wake;
  }

  connect(id, host, port) {
    const tell = (event) => (...details) => {
      if (!this.#sockets.has(id)) return;
      event(...details);
      this.#wake();
    };
    const ended = tell((error) => {
      const message = error?.message || 'the connection was closed';
      this.#engine.socket_ended(id, message, isDistrust(error));
    });
    const events = {
      writable: tell(() => this.#engine.socket_writable(id)),
      received: tell((bytes) => this.#engine.socket_received(id, bytes)),
      ended,
    };
    try {
      this.#sockets.set(id, this.#open({ host, port }, events));
    } catch (error) {
      // The module is in the middle of something: it hears of that later.
      this.#sockets.set(id, { write: () => false, close() {} });
      queueMicrotask(() => ended(error));
    }
  }

  /** Closes all that are open. */
  end() {
    for (const id of this.#sockets.keys()) this.close(id);
  }

  write(id, bytes) {
    return this.#sockets.get(id).write(bytes);
  }

  close(id) {
    const socket = this.#sockets.get(id);
    this.#sockets.delete(id);
    socket?.close();
  }
}

/** Whether an error says that one side doesn't accept the other's certificate. */
function isDistrust(error) {
  const code = String(error?.code ?? '');
  if (/^(ERR_TLS_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(GET|VERIFY))/.test(code)) return true;
  // Not every runtime has a code for it.
  return /certificate/i.test(String(error?.message ?? ''));
}
