import type { BridgeOptions, Producer } from './index.js';

export * from './index.js';

/**
 * A producer for one request of an edge function, made of HTTP requests to the bridge. Give its
 * `close()` to `waitUntil`: it sends what waits, and keeps the producer id for the next request.
 */
export function connect(
  options: Omit<BridgeOptions, 'durable' | 'shared'>,
): Promise<Producer>;
