// What a page's life means for its producer.

/** All requests that outlive a page share 64 KiB. */
const MOST = 48 * 1024;

/**
 * Sends what has no answer when the page is hidden or left, closes the WebSocket while the page is
 * frozen, so that the browser can keep it for the way back, and heeds how timers are throttled.
 * Returns what ends that.
 */
export function followPage(producer, link, channel) {
  if (!globalThis.document?.addEventListener) return () => {};
  const post = () => sendLastWords(producer, link, channel);
  const end = new AbortController();
  const on = (target, type, act) => target.addEventListener(type, act, { signal: end.signal });
  on(document, 'visibilitychange', () => {
    if (document.hidden) post();
    producer.rearm();
  });
  on(globalThis, 'pagehide', () => {
    post();
    link.suspend();
  });
  on(globalThis, 'pageshow', ({ persisted }) => {
    if (!persisted) return;
    link.wake_up();
    producer.rearm();
  });
  return () => end.abort();
}

/** No await before the request, no preflight for it. */
export function sendLastWords(producer, link, channel) {
  const body = producer.lastWords(link, channel.token, MOST);
  if (body.length === 0) return;
  const headers = { 'content-type': 'text/plain' };
  const options = { method: 'POST', body, headers, keepalive: true, credentials: 'omit' };
  // Whatever becomes of it, what has no answer is sent again.
  fetch(channel.produceUrl, options).catch(() => {});
}
