/**
 * What every promise of this package is rejected with. `code` is a name to compare, Kafka's own
 * where a broker refused; `retriable` says whether the same call may succeed later; `written`
 * whether the record is in the log all the same: 'no', 'maybe' or 'yes'. `abortable`: the transaction
 * is aborted, and another may succeed; `fatal`: the producer is of no more use.
 */
export class OttlaError extends Error {
  constructor(code, message, { cause, ...details } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    const usual = { retriable: false, written: 'no', abortable: false, fatal: false };
    Object.assign(this, { name: 'OttlaError', code }, usual, details);
  }
}

/**
 * An error as the module tells it (web/src/failure.rs). One for pages has no texts: there it is the
 * code in words, and what somebody else said or a name.
 */
export function parseError(lines, cause) {
  const [code, remedy, written, kind, ...rest] = lines.split('\n');
  const text = rest.join('\n');
  const words = code.toLowerCase().replaceAll('_', ' ');
  const message = kind === 'message' ? text : words + (text && `: ${text}`);
  return new OttlaError(code, message, {
    retriable: remedy === 'yes',
    written,
    abortable: remedy === 'abortable',
    fatal: remedy === 'fatal',
    cause,
  });
}

/**
 * Rejects `waiting`, which has `resolve` and `reject`, when `signal` aborts, and calls `then`. What was
 * handed over can't be taken back. Listens no longer than it waits: a signal may outlive many records.
 */
export function rejectOnAbort(signal, waiting, then) {
  const { resolve, reject } = waiting;
  const message = 'aborted; the record may be stored all the same';
  const abort = () => {
    waiting.reject(new OttlaError('ABORTED', message, { written: 'maybe', cause: signal.reason }));
    then?.();
  };
  const done = (settle) => (value) => {
    signal.removeEventListener('abort', abort);
    settle(value);
  };
  waiting.resolve = done(resolve);
  waiting.reject = done(reject);
  signal.addEventListener('abort', abort);
}

/** As `promise`, but rejected when `signal` aborts. */
export function within(signal, promise) {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    promise.then(resolve, reject);
  });
}

/** Whether the time that `connect` had is over, rather than that somebody else aborted. */
export function isLate({ reason }) {
  return reason?.code === 'UNREACHABLE';
}
