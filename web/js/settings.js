// Kafka's keys that make a difference in a page or a worker, and what each takes. The module gets
// numbers: a key's place in this list is its own in web/src/settings.rs, whose test reads the list.

import { configuration } from './options.js';

const COUNT = {};
const SWITCH = { false: 0, true: 1 };
const ACKS = { 0: 0, 1: 1, '-1': 2, all: 2 };
const CODEC = { none: 0, lz4: 1 };

const KEYS = [
  ['delivery.timeout.ms', COUNT],
  ['request.timeout.ms', COUNT],
  ['max.block.ms', COUNT],
  ['linger.ms', COUNT],
  ['retry.backoff.ms', COUNT],
  ['retry.backoff.max.ms', COUNT],
  ['reconnect.backoff.ms', COUNT],
  ['reconnect.backoff.max.ms', COUNT],
  ['metadata.max.age.ms', COUNT],
  ['batch.size', COUNT],
  ['buffer.memory', COUNT],
  ['max.request.size', COUNT],
  ['max.in.flight.requests.per.connection', COUNT],
  ['retries', COUNT],
  ['batch.max.records', COUNT],
  ['enable.idempotence', SWITCH],
  ['linger.adaptive', SWITCH],
  ['record.errors.resend', SWITCH],
  ['allow.auto.create.topics', SWITCH],
  ['partitioner.ignore.keys', SWITCH],
  ['acks', ACKS],
  ['compression.type', CODEC],
];

/** What the module takes of a configuration, and the keys that are none of these. */
export function settings({ 'client.id': clientId = 'ottla-js', ...config } = {}) {
  const numbers = [];
  const others = {};
  for (const [key, value] of Object.entries(config)) {
    const place = KEYS.findIndex(([name]) => name === key);
    if (place < 0) others[key] = value;
    else if (value !== undefined) numbers.push(place, read(KEYS[place], value));
  }
  return { clientId: String(clientId), numbers, others };
}

function read([key, takes], value) {
  const text = String(value).trim();
  const number = takes !== COUNT ? takes[text] : /^\d+$/.test(text) ? Number(text) : undefined;
  if (number >= 0 && number <= 0xffffffff) return number;
  throw configuration(`invalid value for ${key}: ${value}`);
}
