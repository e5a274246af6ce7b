/** A record that waits, with bytes of its own: the program may change those that it gave. */
export function copied(record) {
  const { key, value, headers, timestamp } = record ?? {};
  const pairs = headers?.[Symbol.iterator] ? [...headers] : Object.entries(headers ?? {});
  const own = pairs.map(([name, content]) => [name, bytesOf(content)]);
  const fields = { key: bytesOf(key), value: bytesOf(value), headers: own };
  return { ...record, ...fields, timestamp: timestamp && Number(timestamp) };
}

/** No more of a buffer than is needed. */
function bytesOf(content) {
  if (content instanceof ArrayBuffer) return new Uint8Array(content.slice());
  if (!ArrayBuffer.isView(content)) return content;
  return new Uint8Array(content.buffer, content.byteOffset, content.byteLength).slice();
}
