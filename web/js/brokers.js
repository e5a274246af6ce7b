import { check, checked, configuration, random } from './options.js';
import { Producer } from './producer.js';
import { login } from './login.js';
import { settings } from './settings.js';
import { Sockets } from './sockets.js';
import { TransactionalProducer } from './transactions.js';

/** `connectBrokers` of a runtime where `tcp(tls)` returns how to open sockets. */
export function makeConnectBrokers(tcp) {
  return async function connectBrokers(module, options) {
    if (options.ssl !== undefined) throw configuration('ssl is no option: it is called tls here');
    check(options, 'brokers tls sasl transactionalId config');
    if (!/boolean|object|undefined/.test(typeof options.tls)) {
      throw configuration('tls is true, or an object with options of TLS');
    }
    const tls = options.tls === true ? {} : options.tls || undefined;
    const sockets = new Sockets(tcp(tls));
    const { properties: sasl, secrets } = login(options.sasl);
    const { clientId, numbers, others } = settings(options.config);
    const properties = lines({
      'bootstrap.servers': [options.brokers].flat().join(','),
      'security.protocol': protocol(tls, options.sasl),
      ...sasl,
      'transactional.id': options.transactionalId,
      ...others,
    });
    const start = (wake) => {
      const { Engine } = module;
      const transport = [...random(), sockets, secrets];
      const engine = checked(() => new Engine(properties, clientId, numbers, ...transport));
      sockets.attach(engine, wake);
      secrets?.attach(wake);
      return engine;
    };
    const producer = new Producer(module, start, { onCrash: () => sockets.end() });
    if (options.transactionalId === undefined) return producer;
    return TransactionalProducer.initialise(producer);
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

function protocol(tls, sasl) {
  if (sasl) return tls ? 'SASL_SSL' : 'SASL_PLAINTEXT';
  return tls ? 'SSL' : 'PLAINTEXT';
}
