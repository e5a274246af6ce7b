import { OttlaError, within } from './errors.js';
import { OneShotChannel } from './one_shot.js';
import { overBridge } from './connect.js';
import { check, configuration, inTime } from './options.js';

/** What fits in one request. */
const CONFIG = { 'max.request.size': 48 * 1024, 'buffer.memory': 4 * 1024 * 1024, 'linger.ms': 0 };
/** A lease is not used any more when it lasts no longer than this. */
const MARGIN_MS = 5 * 60 * 1000;
/** How long `close` waits for records without an outcome. */
const CLOSE_TIMEOUT_MS = 25_000;

/**
 * The `connect` of an edge function: a producer for one request, made of HTTP requests. When it is
 * closed, its lease and its place in the module's memory wait for the next request of the same
 * isolate, which then needs a single round trip.
 */
export function makeEdgeConnect(load) {
  const idle = new Map();
  return async function connect(options) {
    if (options?.url === undefined) throw configuration('connect needs a url');
    check(options, 'url token timeout signal config');
    const key = JSON.stringify([String(options.url), options.config]);
    const waiting = idle.get(key) ?? [];
    idle.set(key, waiting);
    const kept = take(waiting);
    if (kept) {
      kept.channel.askToken = options.token;
      kept.producer.rearm();
      return new EdgeProducer(kept, waiting);
    }
    const config = { ...CONFIG, ...options.config };
    const channel = new OneShotChannel(options.url, options.token);
    const producer = await inTime(options, async ({ signal }) => {
      const module = await within(signal, load());
      return overBridge(module, { config, channel, signal });
    });
    return new EdgeProducer({ producer, channel }, waiting);
  };
}

/** One whose lease lasts; others end with it. */
function take(waiting) {
  for (let kept; (kept = waiting.pop()); ) {
    if (kept.channel.leaseEnds > Date.now() + MARGIN_MS) return kept;
    kept.producer.close({ timeout: 0 });
  }
  return undefined;
}

/** The same methods, until it is closed. */
class EdgeProducer {
  #kept;
  #waiting;
  #closed;
  #reports = [];

  constructor(kept, waiting) {
    this.#kept = kept;
    this.#waiting = waiting;
  }

  get #producer() {
    if (this.#closed) throw new OttlaError('CLOSED', 'the producer is closed');
    return this.#kept.producer;
  }

  async send(...given) {
    return this.#producer.send(...given);
  }

  async sendBatch(...given) {
    return this.#producer.sendBatch(...given);
  }

  writable(...given) {
    return this.#producer.writable(...given);
  }

  reports() {
    const reports = this.#producer.reports();
    this.#reports.push(reports);
    return reports;
  }

  async flush() {
    return this.#producer.flush();
  }

  metrics() {
    return this.#kept.producer.metrics();
  }

  /** Sends what waits; for `waitUntil`. */
  close({ timeout = CLOSE_TIMEOUT_MS } = {}) {
    this.#closed ??= this.#end(timeout);
    return this.#closed;
  }

  async #end(timeout) {
    const { producer } = this.#kept;
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, Math.min(timeout, 0x7fffffff), true)));
    const isLate = await Promise.race([producer.flush(), late]);
    clearTimeout(timer);
    for (const reports of this.#reports) reports.finish();
    if (isLate) return producer.close({ timeout: 0 });
    producer.pause();
    this.#waiting.push(this.#kept);
    return undefined;
  }

  [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    return this.close();
  }
}
