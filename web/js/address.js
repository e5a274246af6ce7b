// A bridge's address in whichever form: `https:` or `wss:`, relative to the page or not, with the
// path of its sessions or without.

import { configuration } from './options.js';

/** Where sessions are. */
export function sessionUrl(address) {
  let url;
  try {
    url = new URL(address, globalThis.location?.href);
  } catch {
    // Said below.
  }
  if (!/^(http|ws)s?:/.test(url)) {
    throw configuration(`${address} is no URL of a bridge`);
  }
  url.protocol = url.protocol.replace('http', 'ws');
  // A WebSocket's has none.
  url.hash = '';
  if (!url.pathname.endsWith('/v1/session')) {
    url.pathname = url.pathname.replace(/\/?$/, '/v1/session');
  }
  return url.href;
}

/** Where requests without a session go. */
export function produceUrl(address) {
  return sessionUrl(address).replace(/^ws/, 'http').replace(/\/v1\/session(?=$|\?)/, '/v1/produce');
}
