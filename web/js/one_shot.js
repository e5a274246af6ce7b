// A bridge's session made of single HTTP requests, for what can't keep a WebSocket: to the module
// it looks like one (bridge/PROTOCOL.md). What a bridge answers by itself is answered here, from the
// last WELCOME; only Produce requests leave.

import { produceUrl } from './address.js';
import { Bytes, frame, frames, join } from './frames.js';
import { askToken } from './token.js';

const HELLO = 1;
const WELCOME = 2;
const OPEN = 3;
const OPENED = 4;
const DATA = 6;
const CREDIT = 7;
const CLOSE = 8;
const LEASE = 9;
const LEASED = 10;
const TICKET = 11;
const AUTH = 12;
const AUTH_OK = 13;
const PING = 15;
const PONG = 16;

const PRODUCE = 0;
const METADATA = 3;
const API_VERSIONS = 18;
const INIT_PRODUCER_ID = 22;

/** What a stream carries before more is allowed, and what a frame does. */
const WINDOW = 64 * 1024;
const PIECE = 16 * 1024;
/** A body's requests together, as bridges take them unless a token grants more. */
const BODY = 56 * 1024;
const FOREVER_MS = 0xffffffff;
/** So old may metadata be. */
const FRESH_MS = 1000;
/** Which of a session's close codes a status means (§9). */
const CODES = { 400: 1002, 401: 4401, 403: 4403, 409: 4409, 413: 1009, 429: 4429, 503: 1013 };

export class OneShotChannel {
  /** When the lease ends, in ms since 1970. */
  leaseEnds = Infinity;
  token = '';
  #url;
  #askToken;
  #link;
  #wake;
  #welcome;
  #lease;
  /** The rest of the bytes that have come, and the requests without a response, by stream. */
  #streams = new Map();
  #produce = [];
  #posting = false;
  /** The requests of the body that is on its way, and what ends that. */
  #delivering = [];
  #giveUp;
  #session = 0;

  constructor(url, token) {
    this.#url = produceUrl(url);
    this.#askToken = token;
  }

  set askToken(token) {
    this.#askToken = token;
  }

  attach(link, wake) {
    this.#link = link;
    this.#wake = wake;
  }

  want_token() {
    this.#freshToken().then(
      (token) => this.#link.set_token(token),
      (error) => this.#link.no_token(String(error?.message ?? error)),
    ).finally(() => this.#wake());
  }

  open() {
    this.#session += 1;
    this.#streams.clear();
    this.#produce = [];
    this.#posting = false;
    queueMicrotask(() => {
      this.#link.opened();
      this.#wake();
    });
  }

  buffered() {
    return 0;
  }

  close() {
    this.#session += 1;
  }

  /** A message of the module's: nothing may be answered before this has returned. */
  send(message) {
    const [copy, session] = [message.slice(), this.#session];
    queueMicrotask(() => {
      for (const { type, stream, payload } of frames(copy)) {
        if (session === this.#session) this.#act(type, stream, payload);
      }
    });
  }

  #act(type, stream, payload) {
    if (type === HELLO) this.#greet(payload);
    else if (type === OPEN) this.#opened(stream);
    else if (type === DATA) this.#receive(stream, payload);
    else if (type === CLOSE) this.#closed(stream);
    else if (type === LEASE) this.#leased(payload[0]);
    else if (type === AUTH) this.#say(AUTH_OK, 0, new Bytes().u32(FOREVER_MS).done());
    else if (type === PING) this.#say(PONG, 0, payload);
  }

  #opened(stream) {
    this.#streams.set(stream, { rest: new Uint8Array(), waiting: [] });
    this.#say(OPENED, stream, new Bytes().u32(Math.min(WINDOW, this.#welcome.window)).done());
  }

  #closed(stream) {
    if (!this.#streams.delete(stream)) return;
    this.#say(CLOSE, stream, [0]);
    // The module waits no longer for its answer: nor do the requests behind it.
    if (this.#delivering.some((request) => request.stream === stream)) this.#giveUp.abort();
  }

  async #greet(hello) {
    await this.#during(async () => {
      const welcome = await this.#ask(frame(HELLO, 0, hello));
      const granted = welcome.leases.find((lease) => lease.ticket);
      if (granted) this.#hold(granted);
      this.#say(WELCOME, 0, welcome.payload);
    });
  }

  #hold(lease) {
    this.#lease = lease;
    this.leaseEnds = Date.now() + lease.ttl;
  }

  /** Another lease, or the word that one is over: it ends by itself. */
  async #leased(kind) {
    if (kind !== 0) return this.#say(LEASED, 0, [1]);
    await this.#during(async () => {
      const lease = (await this.#ask(this.#hello({ wantsLease: true }))).leases.at(-1);
      if (lease.ticket) this.#hold(lease);
      this.#say(LEASED, 0, lease.payload);
    });
  }

  #receive(stream, bytes) {
    const begun = this.#streams.get(stream);
    if (!begun) return;
    this.#say(CREDIT, stream, new Bytes().u32(bytes.length).done());
    let rest = join([begun.rest, bytes]);
    while (rest.length >= 4) {
      const end = 4 + new DataView(rest.buffer, rest.byteOffset).getInt32(0);
      if (rest.length < end) break;
      this.#request(stream, rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    begun.rest = rest;
  }

  #request(stream, request) {
    const view = new DataView(request.buffer, request.byteOffset, request.length);
    const [key, version, correlation] = [view.getInt16(4), view.getInt16(6), view.getInt32(8)];
    this.#streams.get(stream)?.waiting.push({ correlation });
    if (key === PRODUCE) {
      this.#produce.push({ stream, correlation, request });
      this.#post();
    } else if (key === API_VERSIONS) {
      this.#answer(stream, correlation, this.#apiVersions(version));
    } else if (key === INIT_PRODUCER_ID) {
      this.#identify(stream, correlation, version, view.getBigInt64(request.length - 11));
    } else if (key === METADATA) {
      this.#metadata(stream, correlation, request);
    } else {
      this.#say(CLOSE, stream, [3]);
    }
  }

  /** All requests that wait, in one body; the next when that is answered, so that order holds. */
  async #post() {
    if (this.#posting) return;
    this.#posting = true;
    const session = this.#session;
    await undefined;
    while (this.#produce.length > 0 && session === this.#session) {
      const batch = [];
      let size = 0;
      while (this.#produce.length > 0 && (size === 0 || size + this.#produce[0].request.length <= BODY)) {
        size += this.#produce[0].request.length;
        batch.push(this.#produce.shift());
      }
      await this.#deliver(batch, session);
    }
    if (session === this.#session) this.#posting = false;
  }

  async #deliver(batch, session) {
    const token = await this.#freshToken().catch(() => this.token);
    this.token = token;
    const hello = this.#hello({ tickets: [this.#lease.ticket] });
    const stream = join(batch.map(({ request }) => request));
    this.#delivering = batch;
    this.#giveUp = new AbortController();
    const answered = await this.#fetch(join([hello, ...pieces(1, stream)]), this.#giveUp.signal);
    if (session !== this.#session) return;
    let responses = new Uint8Array();
    if (answered.status === 200) {
      const data = [...frames(answered.body)].filter(({ type }) => type === DATA);
      responses = join(data.map(({ payload }) => payload));
    } else if (answered.status === 401 || answered.status === 403) {
      // The ticket is refused, or the token: whether that is for good, the next HELLO learns.
      return this.#end(401);
    }
    for (const { stream: to, correlation } of batch) {
      const view = new DataView(responses.buffer, responses.byteOffset, responses.length);
      const end = responses.length >= 4 ? 4 + view.getInt32(0) : 0;
      if (end > 0) this.#respond(to, correlation, responses.slice(0, end));
      // What became of it is not known; the module sends it again.
      else if (this.#streams.delete(to)) this.#say(CLOSE, to, [1]);
      responses = responses.subarray(end);
    }
  }

  /** Metadata in WELCOME's version, from the last one if the topic is in there. */
  async #metadata(stream, correlation, request) {
    const topics = topicsOf(request);
    await this.#during(async () => {
      if (!this.#knows(topics)) await this.#ask(this.#hello({ topics }));
      const body = this.#welcome.metadata;
      if (body.length > 0) this.#answer(stream, correlation, join([[0], body]));
      else if (this.#streams.delete(stream)) this.#say(CLOSE, stream, [1]);
    });
  }

  #knows(topics) {
    const { at, metadata } = this.#welcome;
    if (metadata.length === 0 || Date.now() - at > FRESH_MS) return false;
    // Names are ASCII.
    const text = new TextDecoder('latin1').decode(metadata);
    return topics.every((topic) => text.includes(topic));
  }

  async #identify(stream, correlation, version, raised) {
    await this.#during(async () => {
      // Its epoch can't be raised without a session: another takes its place.
      if (raised >= 0n) {
        const lease = (await this.#ask(this.#hello({ wantsLease: true }))).leases.at(-1);
        if (!lease.ticket) return this.#say(CLOSE, stream, [1]);
        this.#hold(lease);
        this.#say(TICKET, 0, lease.payload.subarray(1));
      }
      const answer = new Bytes();
      if (version >= 2) answer.u8(0);
      answer.u32(0).u16(0).raw(this.#lease.payload.subarray(1, 11));
      if (version >= 2) answer.u8(0);
      this.#answer(stream, correlation, answer.done());
    });
  }

  #apiVersions(version) {
    const { apis, metadataVersion } = this.#welcome;
    const flexible = version >= 3;
    const answer = new Bytes().u16(0);
    if (flexible) answer.u8(apis.length + 1);
    else answer.u32(apis.length);
    for (const { key, min, max } of apis) {
      const exact = key === METADATA ? [metadataVersion, metadataVersion] : [min, max];
      answer.u16(key).u16(exact[0]).u16(exact[1]);
      if (flexible) answer.u8(0);
    }
    if (version >= 1) answer.u32(0);
    if (flexible) answer.u8(0);
    return answer.done();
  }

  #answer(stream, correlation, body) {
    const response = new Bytes().u32(4 + body.length).u32(correlation).raw(body).done();
    this.#respond(stream, correlation, response);
  }

  /** Responses leave in the order of their requests, as a broker's do. */
  #respond(stream, correlation, response) {
    const waiting = this.#streams.get(stream)?.waiting ?? [];
    const asked = waiting.find((request) => request.correlation === correlation);
    if (asked) asked.response = response;
    while (waiting[0]?.response) {
      for (const piece of pieces(stream, waiting.shift().response)) this.#message(piece);
    }
  }

  /** Asks for a WELCOME. */
  async #ask(body) {
    const { status, body: reply } = await this.#fetch(body);
    if (status !== 200) throw status;
    const [first] = frames(reply);
    this.#welcome = readWelcome(first.payload);
    return this.#welcome;
  }

  /** Whatever fails ends the session; the module begins another after a while. */
  async #during(act) {
    const session = this.#session;
    try {
      await act();
    } catch (status) {
      if (session === this.#session) this.#end(status);
    }
  }

  #end(status) {
    this.#session += 1;
    // Until there is another session nobody else should begin with this one.
    this.leaseEnds = 0;
    const reason = typeof status === 'number' ? `status ${status}` : String(status?.message ?? status);
    this.#link.closed(CODES[status] ?? 1006, reason);
    this.#wake();
  }

  async #fetch(body, signal) {
    try {
      const headers = { 'content-type': 'text/plain' };
      const answer = await fetch(this.#url, { method: 'POST', body, headers, signal });
      return { status: answer.status, body: new Uint8Array(await answer.arrayBuffer()) };
    } catch {
      return { status: 0 };
    }
  }

  async #freshToken() {
    return (this.token = await askToken(this.#askToken));
  }

  #hello({ wantsLease = false, tickets = [], topics = [] }) {
    const hello = new Bytes().u8(1).u8(wantsLease ? 1 : 0).text16(this.token);
    hello.text8('ottla-edge').text8('').u8(tickets.length);
    for (const ticket of tickets) hello.u8(ticket.length).raw(ticket);
    hello.u8(topics.length);
    for (const topic of topics) hello.text8(topic);
    return frame(HELLO, 0, hello.done());
  }

  #say(type, stream, payload) {
    this.#message(frame(type, stream, payload));
  }

  #message(message) {
    this.#link.received(message);
    this.#wake();
  }
}

function pieces(stream, bytes) {
  const list = [];
  for (let at = 0; at < bytes.length; at += PIECE) {
    list.push(frame(DATA, stream, bytes.subarray(at, at + PIECE)));
  }
  return list;
}

/** What is needed of a WELCOME (§4.2). */
function readWelcome(payload) {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const apis = Array.from({ length: view.getUint8(53) }, (_, index) => {
    const [key, min, max] = [0, 2, 4].map((at) => view.getInt16(54 + 6 * index + at));
    return { key, min, max };
  });
  let at = 54 + 6 * apis.length;
  const metadataVersion = view.getInt16(at);
  const end = at + 6 + view.getUint32(at + 2);
  const metadata = payload.slice(at + 6, end);
  at = end + 1;
  const leases = Array.from({ length: view.getUint8(end) }, () => {
    const kind = view.getUint8(at);
    const size = kind === 0 ? 16 + view.getUint8(at + 15) : [1, 6][kind - 1];
    const lease = { payload: payload.slice(at, at + size) };
    if (kind === 0) Object.assign(lease, { ttl: view.getUint32(at + 11), ticket: lease.payload.slice(16) });
    at += size;
    return lease;
  });
  return { at: Date.now(), payload, window: view.getUint32(45), apis, metadataVersion, metadata, leases };
}

/** The names in a Metadata request of a version that has topic ids and tags (10–12). */
function topicsOf(request) {
  const view = new DataView(request.buffer, request.byteOffset, request.length);
  const client = view.getInt16(12);
  let at = 14 + Math.max(client, 0) + 1;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = view.getUint8(at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const names = [];
  for (let count = varint() - 1; count > 0; count -= 1) {
    at += 16;
    const length = varint() - 1;
    if (length >= 0) names.push(new TextDecoder().decode(request.subarray(at, at + length)));
    at += Math.max(length, 0) + 1;
  }
  return names;
}
