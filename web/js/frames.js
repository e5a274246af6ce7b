// Bytes and frames of `ottla.v1` (bridge/PROTOCOL.md §2).

const encoder = new TextEncoder();

/** Writes big-endian numbers. */
export class Bytes {
  #bytes = [];

  u8(value) {
    this.#bytes.push(value & 0xff);
    return this;
  }

  u16(value) {
    return this.u8(value >> 8).u8(value);
  }

  u32(value) {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  raw(bytes) {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  text8(text) {
    const bytes = encoder.encode(text);
    return this.u8(bytes.length).raw(bytes);
  }

  text16(text) {
    const bytes = encoder.encode(text);
    return this.u16(bytes.length).raw(bytes);
  }

  done() {
    return Uint8Array.from(this.#bytes);
  }
}

export function frame(type, stream, payload) {
  const size = payload.length;
  return join([[type, stream, size >> 16, (size >> 8) & 0xff, size & 0xff], payload]);
}

/** Cuts a message, or a body. */
export function* frames(message) {
  for (let at = 0; at + 5 <= message.length; ) {
    const [type, stream, a, b, c] = message.subarray(at, at + 5);
    const end = at + 5 + (a << 16) + (b << 8) + c;
    yield { type, stream, payload: message.subarray(at + 5, end) };
    at = end;
  }
}

export function join(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
