// TCP and TLS in Node, Bun and Deno.

import net from 'node:net';
import tls from 'node:tls';

/** Bytes that may wait in a socket. */
const WAITING = 1024 * 1024;

/** `tlsOptions` are those of `tls.connect`; undefined is plain TCP. */
export function opener(tlsOptions) {
  return ({ host, port }, events) => {
    const where = { host, port, noDelay: true };
    const name = net.isIP(host) ? {} : { servername: host };
    const socket = tlsOptions
      ? tls.connect({ ...where, ...name, ...tlsOptions })
      : net.connect(where);
    let error;
    socket.on(tlsOptions ? 'secureConnect' : 'connect', events.writable);
    socket.on('drain', events.writable);
    socket.on('data', events.received);
    socket.on('error', (cause) => (error = cause));
    socket.on('close', () => events.ended(error));
    return {
      write(bytes) {
        socket.write(bytes.slice());
        return socket.writableLength < WAITING;
      },
      close: () => socket.destroy(),
    };
  };
}
