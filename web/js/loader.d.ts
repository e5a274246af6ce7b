import type { Producer, ProducerRecord, RecordMetadata, SendOptions } from './index.js';

export interface Loader {
  /**
   * Waits for the producer if need be. Fails with `QUEUE_FULL` where `max` records wait, and with
   * `PAGE_LEFT` when the visitor comes back to this page and another one has meanwhile taken over
   * what it left behind.
   */
  send(record: ProducerRecord, options?: SendOptions): Promise<RecordMetadata>;
  /** The producer, once it is there. */
  readonly ready: Promise<Producer>;
}

export interface LoaderOptions {
  /**
   * What begins the names under which localStorage keeps what is left when a page goes before there
   * is a producer; a colon follows. `'ottla'` if missing.
   */
  key?: string;
  /** How many records may wait; 1000 if missing. */
  max?: number;
}

/**
 * Queues records until there is a producer. `start` makes one, such as
 * `() => import('ottla').then(({ connect }) => connect({ url }))`; it is called again when it fails.
 */
export function load(start: () => Promise<Producer>, options?: LoaderOptions): Loader;
