// Writes records into the module's memory. web/src/staged.rs describes the layout.

import { OttlaError } from './errors.js';

const HEAD = 48;
/** So much is handed over at once without waiting for the end of the task. */
const FULL = 256 * 1024;
/** Room at first. */
const LEAST = 16 * 1024;

const encoder = new TextEncoder();

export class Staging {
  #engine;
  #memory;
  #bytes = new Uint8Array(0);
  #view = new DataView(new ArrayBuffer(0));
  #size = 0;

  constructor(engine, memory) {
    this.#engine = engine;
    this.#memory = memory;
  }

  get isEmpty() {
    return this.#size === 0;
  }

  get isFull() {
    return this.#size >= FULL;
  }

  /** Writes one record, or throws and leaves everything as it was. */
  add(topic, record, slot, index) {
    if (record?.value === undefined) throw invalid('a record is an object with a value, if only null');
    const key = field(record.key, 'key');
    const value = field(record.value, 'value');
    const headers = headersOf(record);
    const partition = integer(record.partition, 'partition') ?? -1;
    const timestamp = milliseconds(record.timestamp);
    let room = HEAD + most(key) + most(value);
    for (const [name, content] of headers) room += 8 + most(name) + most(content);
    // The module's memory must not be at stake for a record that can't be sent anyway.
    if (room > 2 ** 30) throw new OttlaError('RECORD_TOO_LARGE', 'record too large');
    this.#reserve(room);

    const start = this.#size;
    let at = start + HEAD;
    const keySize = this.#write(key, at);
    at += Math.max(keySize, 0);
    const valueSize = this.#write(value, at);
    at += Math.max(valueSize, 0);
    for (const [name, content] of headers) at = this.#writeHeader(name, content, at);

    const view = this.#view;
    view.setUint32(start, at - start, true);
    view.setUint32(start + 4, slot, true);
    view.setUint32(start + 8, index, true);
    view.setUint32(start + 12, topic, true);
    view.setInt32(start + 16, partition, true);
    view.setInt32(start + 20, keySize, true);
    view.setInt32(start + 24, valueSize, true);
    view.setUint32(start + 28, headers.length, true);
    view.setFloat64(start + 32, timestamp, true);
    this.#size = at;
  }

  /** Writes a batch that an earlier page stored. */
  addBatch(topic, { partition, bytes, key, anew }, slot) {
    this.#reserve(HEAD + bytes.length);
    const [start, view] = [this.#size, this.#view];
    this.#bytes.set(bytes, start + HEAD);
    const numbers = [HEAD + bytes.length, slot, 0, topic, partition, -1, bytes.length];
    numbers.forEach((number, index) => view.setInt32(start + 4 * index, number, true));
    view.setUint32(start + 28, anew ? 0xfffffffe : 0xffffffff, true);
    view.setFloat64(start + 32, key, true);
    this.#size += HEAD + bytes.length;
  }

  /** Hands everything over. */
  submit() {
    const size = this.#size;
    this.#size = 0;
    if (size > 0) this.#engine.submit(size);
  }

  #reserve(room) {
    const needed = this.#size + room;
    // The views are cut off whenever the module's memory has grown.
    if (needed <= this.#bytes.length && this.#bytes.buffer === this.#memory.buffer) return;
    // As much as is needed: the module keeps it, also when the producer has ended.
    const capacity = Math.max(needed, Math.min(2 * this.#bytes.length, FULL + LEAST), LEAST);
    const address = this.#engine.reserve(capacity);
    this.#bytes = new Uint8Array(this.#memory.buffer, address, capacity);
    this.#view = new DataView(this.#memory.buffer, address, capacity);
  }

  /** Writes text or bytes; returns how many bytes, or -1 for null. */
  #write(content, at) {
    if (content === null) return -1;
    if (typeof content === 'string') {
      return encoder.encodeInto(content, this.#bytes.subarray(at)).written;
    }
    this.#bytes.set(content, at);
    return content.length;
  }

  #writeHeader(name, content, at) {
    const nameSize = this.#write(name, at + 8);
    const contentSize = this.#write(content, at + 8 + nameSize);
    this.#view.setInt32(at, nameSize, true);
    this.#view.setInt32(at + 4, contentSize, true);
    return at + 8 + nameSize + Math.max(contentSize, 0);
  }
}

/** Text as it is, bytes of any kind as a Uint8Array, nothing as null. */
function field(content, name) {
  if (content === undefined || content === null) return null;
  if (typeof content === 'string' || content instanceof Uint8Array) return content;
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  if (ArrayBuffer.isView(content)) {
    return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
  }
  throw invalid(`a record's ${name} is text or bytes; use JSON.stringify for objects`);
}

/** Bytes that a field may take: three for each UTF-16 unit. */
function most(content) {
  if (content === null) return 0;
  return typeof content === 'string' ? content.length * 3 : content.length;
}

/** Pairs of name and content, with the trace context last. */
function headersOf({ headers, traceparent }) {
  if (headers === undefined && traceparent === undefined) return NONE;
  const pairs = headers?.[Symbol.iterator] ? [...headers] : Object.entries(headers ?? {});
  const list = pairs.map(([name, content]) => [String(name), field(content, 'header')]);
  if (traceparent !== undefined) list.push(['traceparent', String(traceparent)]);
  return list;
}

const NONE = [];

function integer(value, name) {
  if (value === undefined || value === null) return undefined;
  if (Number.isInteger(value) && value >= 0 && value <= 0x7fffffff) return value;
  throw invalid(`a record's ${name} is a whole number from 0`);
}

function milliseconds(timestamp) {
  if (timestamp === undefined || timestamp === null) return Date.now();
  const millis = Number(timestamp);
  if (Number.isSafeInteger(millis) && millis >= 0) return millis;
  throw invalid("a record's timestamp is a Date or milliseconds since 1970");
}

export function invalid(message) {
  return new OttlaError('INVALID_RECORD', message);
}
