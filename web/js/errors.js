/**
 * What every promise of this package is rejected with. `code` is a name to compare, Kafka's own
 * where a broker refused; `retriable` says whether the same call may succeed later; `written`
 * whether the record is in the log all the same: 'no', 'maybe' or 'yes'.
 */
export class OttlaError extends Error {
  constructor(code, message, { retriable = false, written = 'no', cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'OttlaError';
    this.code = code;
    this.retriable = retriable;
    this.written = written;
  }
}

/** An error as the module tells it: four lines, the last of which may hold newlines. */
export function parseError(text) {
  const [code, retriable, written, ...message] = text.split('\n');
  return new OttlaError(code, message.join('\n'), { retriable: retriable === 'yes', written });
}
