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

/** `key=value` in lines, as the module takes them. */
export function lines(properties) {
  const line = ([key, value]) => {
    if (/[=\n\r]/.test(key) || /[\n\r]/.test(String(value))) {
      throw configuration(`${JSON.stringify(key)} can't have that value`);
    }
    return `${key}=${value}`;
  };
  const given = Object.entries(properties).filter(([, value]) => value !== undefined);
  return given.map(line).join('\n');
}

export function configuration(message) {
  return new OttlaError('CONFIGURATION', message);
}
