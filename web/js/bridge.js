import { Channel } from './channel.js';
import { crash } from './crash.js';
import { OttlaError, parseError } from './errors.js';

/** How long `connect` tries. */
const TIMEOUT_MS = 30_000;

/**
 * A session with the bridge of `options.url`: resolves when there is one, rejects when there can't
 * be or none came in time. `link`, one of the module's, is for the engine, which then attaches the
 * channel.
 */
export function openSession(module, options, random, durable) {
  const { url, token, timeout = TIMEOUT_MS, signal } = options;
  const channel = options.channel ?? new Channel(url, token);
  const link = new module.Link(channel, 'ottla-js', ...random());
  durable?.resume(link);
  return new Promise((resolve, reject) => {
    let timer;
    let settled = false;
    const settle = (end, value) => {
      settled = true;
      clearTimeout(timer);
      clearTimeout(patience);
      signal?.removeEventListener('abort', abort);
      if (end === reject) link.close();
      end(value);
    };
    const abort = () => settle(reject, signal.reason);
    const patience = setTimeout(() => settle(reject, lastError(link)), timeout);
    const advance = () => {
      if (settled) return;
      clearTimeout(timer);
      const wait = link.poll();
      if (module.crashed) settle(reject, crash(module.crashed, 'no'));
      else if (link.has_failed()) settle(reject, lastError(link));
      else if (link.is_open()) settle(resolve, { link, channel });
      else if (wait >= 0) timer = setTimeout(advance, wait);
    };
    // What happens inside of a call of the link's is looked at after it.
    channel.attach(link, () => queueMicrotask(advance));
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort, { once: true });
    advance();
  });
}

/** Why there is no session; undefined while there is one, or nothing has gone wrong yet. */
export function sessionError(link) {
  const lines = link.error();
  return lines && parseError(lines);
}

function lastError(link) {
  const message = 'the bridge did not answer in time';
  return sessionError(link) ?? new OttlaError('UNREACHABLE', message, { retriable: true });
}
