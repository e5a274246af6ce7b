import { Engine } from './core.js';
import { OttlaError } from './errors.js';
import { Producer } from './producer.js';
import { Sockets } from './sockets.js';

/**
 * The `connect` of a runtime. `load()` resolves with the module's memory, once; `tcp(options)`
 * returns how to open sockets, where the runtime can.
 */
export function makeConnect({ load, tcp }) {
  let memory;
  return async function connect(options) {
    if (options?.brokers === undefined) {
      throw configuration('connect needs brokers');
    }
    if (!tcp) throw configuration('this runtime has no TCP: connect({url}) to a bridge');
    memory ??= load();
    return connectBrokers(await memory, options, tcp);
  };
}

function connectBrokers(memory, options, tcp) {
  const tls = options.tls === true ? {} : options.tls || undefined;
  const sockets = new Sockets(tcp(tls));
  const properties = lines({
    'bootstrap.servers': [options.brokers].flat().join(','),
    'client.id': 'ottla-js',
    ...security(tls, options.sasl),
    ...options.config,
  });
  return new Producer(memory, (wake) => {
    const engine = newEngine(properties, sockets);
    sockets.attach(engine, wake);
    return engine;
  });
}

function newEngine(properties, sockets) {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  try {
    return new Engine(properties, high, low, sockets);
  } catch (error) {
    throw configuration(error.message);
  }
}

function security(tls, sasl) {
  if (!sasl) return { 'security.protocol': tls ? 'SSL' : 'PLAINTEXT' };
  const { mechanism = 'PLAIN', username, password } = sasl;
  return {
    'security.protocol': tls ? 'SASL_SSL' : 'SASL_PLAINTEXT',
    'sasl.mechanism': mechanism,
    'sasl.username': username,
    'sasl.password': password,
  };
}

/** `key=value` in lines, as the module takes them. */
function lines(properties) {
  const line = ([key, value]) => {
    if (/[=\n\r]/.test(key) || /[\n\r]/.test(String(value))) {
      throw configuration(`${JSON.stringify(key)} can't have that value`);
    }
    return `${key}=${value}`;
  };
  const given = Object.entries(properties).filter(([, value]) => value !== undefined);
  return given.map(line).join('\n');
}

function configuration(message) {
  return new OttlaError('CONFIGURATION', message);
}
