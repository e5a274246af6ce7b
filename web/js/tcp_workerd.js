// TCP and TLS in workerd. A socket belongs to the request that opened it: so does the producer.

import { connect } from 'cloudflare:sockets';

/** Bytes that may wait in a socket. */
const WAITING = 1024 * 1024;

/** `tlsOptions` other than none can only say that there is TLS: the runtime has no more. */
export function opener(tlsOptions) {
  const secureTransport = tlsOptions ? 'on' : 'off';
  return ({ host, port }, events) => {
    const socket = connect({ hostname: host, port }, { secureTransport, allowHalfOpen: false });
    const writer = socket.writable.getWriter();
    let waiting = 0;
    socket.opened.then(events.writable, events.ended);
    read(socket.readable, events);
    return {
      write(bytes) {
        const { length } = bytes;
        waiting += length;
        const written = () => {
          waiting -= length;
          events.writable();
        };
        writer.write(bytes.slice()).then(written, events.ended);
        return waiting < WAITING;
      },
      close: () => socket.close().catch(() => {}),
    };
  };
}

async function read(readable, events) {
  try {
    for await (const bytes of readable) events.received(bytes);
    events.ended();
  } catch (error) {
    events.ended(error);
  }
}
