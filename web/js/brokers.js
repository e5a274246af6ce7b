import { checked, lines, random } from './options.js';
import { Producer } from './producer.js';
import { login } from './login.js';
import { Sockets } from './sockets.js';
import { TransactionalProducer } from './transactions.js';

/** `connectBrokers` of a runtime where `tcp(tls)` returns how to open sockets. */
export function makeConnectBrokers(tcp) {
  return async function connectBrokers(module, options) {
    const tls = options.tls === true ? {} : options.tls || undefined;
    const sockets = new Sockets(tcp(tls));
    const { properties: sasl, secrets } = login(options.sasl);
    const properties = lines({
      'bootstrap.servers': [options.brokers].flat().join(','),
      'client.id': 'ottla-js',
      'security.protocol': protocol(tls, options.sasl),
      ...sasl,
      'transactional.id': options.transactionalId,
      ...options.config,
    });
    const start = (wake) => {
      const engine = checked(() => new module.Engine(properties, ...random(), sockets, secrets));
      sockets.attach(engine, wake);
      secrets?.attach(wake);
      return engine;
    };
    const producer = new Producer(module, start, { onCrash: () => sockets.end() });
    if (options.transactionalId === undefined) return producer;
    return TransactionalProducer.initialise(producer);
  };
}

function protocol(tls, sasl) {
  if (sasl) return tls ? 'SASL_SSL' : 'SASL_PLAINTEXT';
  return tls ? 'SSL' : 'PLAINTEXT';
}
