import { Channel } from './channel.js';
import { crash } from './crash.js';
import { isLate, parseError, within } from './errors.js';

/**
 * A session with the bridge of `options.url`: resolves when there is one, rejects when there can't
 * be or `options.signal` aborts. `link`, one of the module's, is for the engine, which then attaches
 * the channel.
 */
export async function openSession(module, options, random, durable) {
  const { url, token, signal } = options;
  const channel = options.channel ?? new Channel(url, token);
  const link = new module.Link(channel, 'ottla-js', ...random());
  durable?.resume(link);
  let timer;
  const opened = new Promise((resolve, reject) => {
    const advance = () => {
      clearTimeout(timer);
      const wait = link.poll();
      if (module.crashed) reject(crash(module.crashed, 'no'));
      else if (link.has_failed()) reject(sessionError(link));
      else if (link.is_open()) resolve({ link, channel });
      else if (wait >= 0) timer = setTimeout(advance, wait);
    };
    // What happens inside of a call of the link's is looked at after it.
    channel.attach(link, () => queueMicrotask(advance));
    advance();
  });
  try {
    return await within(signal, opened);
  } catch (error) {
    // When the time is over, what has gone wrong says more.
    const cause = isLate(signal) && sessionError(link);
    link.close();
    throw cause || error;
  } finally {
    clearTimeout(timer);
  }
}

/** Why there is no session; undefined while there is one, or nothing has gone wrong yet. */
export function sessionError(link) {
  const lines = link.error();
  return lines && parseError(lines);
}
