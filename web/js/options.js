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

export function configuration(message) {
  return new OttlaError('CONFIGURATION', message);
}
