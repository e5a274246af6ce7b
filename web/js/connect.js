import { sessionUrl } from './address.js';
import { openSession, sessionError } from './bridge.js';
import { crash } from './crash.js';
import { within } from './errors.js';
import { check, checked, configuration, inTime, random } from './options.js';
import { followPage, sendLastWords } from './page.js';
import { Producer } from './producer.js';
import { settings } from './settings.js';

/**
 * The `connect` of a runtime. `load()` resolves with what the module exports, always the same:
 * `Engine`, `Link` and its memory; `connectBrokers(module, options)` does without a bridge, where the
 * runtime has TCP; `loadLasting` is for the module that stores batches, in pages.
 */
export function makeConnect({ load, loadLasting, connectBrokers }) {
  return connect;

  async function connect(options) {
    const { brokers, url } = options ?? {};
    if ((brokers === undefined) === (url === undefined)) {
      throw configuration('connect needs either url or brokers');
    }
    if (url === undefined) {
      if (connectBrokers) return connectBrokers(whole(await load()), options);
      throw configuration('this runtime has no TCP: connect({url}) to a bridge');
    }
    check(options, 'url token timeout signal config durable shared onDurable');
    sessionUrl(url);
    return inTime(options, begin);
  }

  async function begin(options) {
    if (options.shared) {
      const { canShare, connectTab } = await within(options.signal, import('./tab.js'));
      if (canShare()) return connectTab(options, connect, check);
    }
    if (options.durable) {
      if (!loadLasting) throw configuration('durable is for pages');
      return connectDurable(loadLasting(), options);
    }
    return overBridge(await within(options.signal, load()), options);
  }
}

async function connectDurable(module, options) {
  // If it fails, whoever awaits it later hears of that.
  module.catch(() => {});
  const { openQueue, DURABLE_CONFIG } = await within(options.signal, import('./durable.js'));
  const durable = await openQueue(options, check);
  try {
    await options.onDurable?.(durable);
    const config = { ...DURABLE_CONFIG, ...options.config };
    return await overBridge(await within(options.signal, module), { ...options, config }, durable);
  } catch (error) {
    durable.abandon();
    throw error;
  }
}

/** A module, if it has not crashed before. */
function whole(module) {
  if (module.crashed) throw crash(module.crashed, 'no');
  return module;
}

/** A producer over a bridge; `options.channel` where that is no WebSocket. Ends with `options.signal`. */
export async function overBridge(module, options, durable) {
  const { Engine } = whole(module);
  const { clientId, numbers, others } = settings(options.config);
  for (const key in others) throw configuration(`unknown configuration ${key}`);
  const { link, channel } = await openSession(module, options, random, durable);
  let engine;
  const start = (wake) => {
    engine = checked(() => Engine.over_bridge(clientId, numbers, ...random(), link));
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
    const onCrash = () => channel.close(1000);
    const cause = () => sessionError(link);
    const producer = new Producer(module, start, { onClose, onCrash, durable, cause });
    durable?.start(engine, link, producer);
    producer.leave = () => sendLastWords(producer, link, channel);
    leave = followPage(producer, link, channel);
    return producer;
  } catch (error) {
    link.close();
    throw error;
  }
}
