// Back-pressure for whoever sends a stream.

/** A stream has at most so many bytes on their way. */
const WRITABLE_BYTES = 1024 * 1024;

/** A stream of values, or of records without their topic. */
export function writable(producer, topic, { highWaterMark = WRITABLE_BYTES } = {}) {
  let inFlight = 0;
  let failure;
  let resume = () => {};
  const settled = (size) => (error) => {
    inFlight -= size;
    failure ??= error instanceof Error ? error : undefined;
    resume();
  };
  const room = () => new Promise((resolve) => (resume = resolve));
  return new WritableStream({
    write: async (chunk) => {
      const record = isContent(chunk) ? { topic, value: chunk } : { ...chunk, topic };
      const size = sizeOf(record);
      inFlight += size;
      const done = settled(size);
      producer.send(record).then(done, done);
      while (inFlight >= highWaterMark && !failure) await room();
      if (failure) throw failure;
    },
    close: async () => {
      while (inFlight > 0 && !failure) await room();
      if (failure) throw failure;
    },
  });
}

/** What `writable` takes as a value rather than as a record. */
function isContent(chunk) {
  return typeof chunk === 'string' || chunk instanceof ArrayBuffer || ArrayBuffer.isView(chunk);
}

/** Roughly what a record takes. */
export function sizeOf(record) {
  const size = (content) => content?.byteLength ?? content?.length ?? 0;
  return size(record?.key) + size(record?.value) + 70;
}
