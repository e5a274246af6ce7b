/** What `check` takes for what is in the option `durable`. */
export const DURABLE_OPTIONS = 'durable name maxBytes onFull onExpiredLease';
