import { openSession } from './bridge.js';
import { OttlaError } from './errors.js';
import { followPage, sendLastWords } from './page.js';
import { Producer } from './producer.js';
import { Sockets } from './sockets.js';

/**
 * The `connect` of a runtime. `load()` resolves, once, with what the module exports:
 * `Engine`, `Link` and its memory; `tcp(options)` returns how to open sockets, where the runtime can
 * and the module speaks to brokers; `loadLasting` is for the module that stores batches, in pages.
 */
export function makeConnect({ load, loadLasting, tcp }) {
  let module;
  let lasting;
  return async function connect(options) {
    const { brokers, url } = options ?? {};
    if ((brokers === undefined) === (url === undefined)) {
      throw configuration('connect needs either url or brokers');
    }
    if (brokers !== undefined && !tcp) {
      throw configuration('this runtime has no TCP: connect({url}) to a bridge');
    }
    if (options.shared && url !== undefined) {
      const { canShare, connectTab } = await import('./tab.js');
      if (canShare()) return connectTab(options, connect);
    }
    if (options.durable && url !== undefined) {
      if (!loadLasting) throw configuration('durable is for pages');
      lasting ??= loadLasting();
      return connectDurable(lasting, options);
    }
    module ??= load();
    if (url !== undefined) return overBridge(await module, options);
    return connectBrokers(await module, options, tcp);
  };
}

function connectBrokers({ Engine, memory }, options, tcp) {
  const tls = options.tls === true ? {} : options.tls || undefined;
  const sockets = new Sockets(tcp(tls));
  const properties = lines({
    'bootstrap.servers': [options.brokers].flat().join(','),
    'client.id': 'ottla-js',
    ...security(tls, options.sasl),
    ...options.config,
  });
  return new Producer(memory, (wake) => {
    const engine = checked(() => new Engine(properties, ...random(), sockets));
    sockets.attach(engine, wake);
    return engine;
  });
}

async function connectDurable(module, options) {
  const { openQueue, DURABLE_CONFIG } = await import('./durable.js');
  const durable = await openQueue(options);
  try {
    await options.onDurable?.(durable);
    const config = { ...DURABLE_CONFIG, ...options.config };
    return await overBridge(await module, { ...options, config }, durable);
  } catch (error) {
    durable.abandon();
    throw error;
  }
}

/** A producer over a bridge; `options.channel` where that is no WebSocket. */
export async function overBridge(module, options, durable) {
  const { Engine, memory } = module;
  const properties = lines({ 'client.id': 'ottla-js', ...options.config });
  const { link, channel } = await openSession(module, options, random, durable);
  let engine;
  const start = (wake) => {
    engine = checked(() => Engine.over_bridge(properties, ...random(), link));
    channel.attach(link, wake);
    return engine;
  };
  let leave = () => {};
  const onClose = () => {
    leave();
    if (durable) link.close();
    else link.finish();
  };
  try {
    const producer = new Producer(memory, start, { onClose, durable });
    durable?.start(engine, link, producer);
    producer.leave = () => sendLastWords(producer, link, channel);
    leave = followPage(producer, link, channel);
    return producer;
  } catch (error) {
    link.close();
    throw error;
  }
}

/** Two random halves of a seed. */
function random() {
  return crypto.getRandomValues(new Uint32Array(2));
}

function checked(make) {
  try {
    return make();
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
