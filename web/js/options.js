import { OttlaError } from './errors.js';

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

export function configuration(message) {
  return new OttlaError('CONFIGURATION', message);
}
