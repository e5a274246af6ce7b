import { OttlaError } from './errors.js';

/** How long `connect` tries. */
const TIMEOUT_MS = 30_000;

/** Two random halves of a seed. */
export function random() {
  return crypto.getRandomValues(new Uint32Array(2));
}

/** What `make` returns; what it throws is about the options. */
export function checked(make) {
  try {
    return make();
  } catch (error) {
    throw configuration(error.message);
  }
}

/** Nobody shall believe in an option that is none beside the first of these names. */
export function check(options, names) {
  const known = names.split(' ');
  for (const name in options) {
    if (options[name] !== undefined && !known.includes(name)) {
      throw configuration(`${name} is no option with ${known[0]}`);
    }
  }
  const { timeout = 0 } = options;
  // Of more, timers would make nothing.
  if (!(timeout >= 0 && timeout < 2 ** 31)) throw configuration(`no timeout: ${timeout}`);
}

/**
 * What `begin` makes of the options before their `timeout` is over and their `signal` aborts: the one
 * signal that it gets says both.
 */
export async function inTime(options, begin) {
  const { timeout = TIMEOUT_MS, signal } = options;
  const end = new AbortController();
  const abort = () => end.abort(signal.reason);
  const message = 'the bridge did not answer in time';
  const late = () => end.abort(new OttlaError('UNREACHABLE', message, { retriable: true }));
  const patience = setTimeout(late, timeout);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);
  try {
    return await begin({ ...options, signal: end.signal });
  } finally {
    clearTimeout(patience);
    signal?.removeEventListener('abort', abort);
  }
}

export function configuration(message) {
  return new OttlaError('CONFIGURATION', message);
}
