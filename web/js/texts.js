// What the codes of errors mean, for modules that bring no texts along (web/src/failure.rs).

const TEXTS = {
  BUFFER_FULL: 'buffer.memory is full: the brokers are slower than the sender',
  CLOSED: 'the producer is closed',
  COMPRESSION_FAILED: 'compression failed',
  DELIVERY_TIMEOUT: 'delivery.timeout.ms passed',
  LEASE_LOST: 'the lease of the producer id has ended',
  NO_LEASE: 'the bridge lends no producer id',
  NOT_IN_METADATA: 'the topic, or its partition, was not present in metadata within max.block.ms',
  OTHER_RECORD_INVALID: 'another record of the same batch was refused; send this one again',
  OVERLOADED: 'the bridge is overloaded',
  PROTOCOL: 'the bridge or the page broke the protocol',
  RECORD_TOO_LARGE: 'the record is too large when serialized: raise the limit or send less',
  TAKEN_OVER: 'a later session took over',
  UNREACHABLE: 'the connection to the bridge ended',
};

/** A message for people. `detail` is what somebody else said, or a name. */
export function explain(code, detail) {
  const text = TEXTS[code] ?? code;
  return detail ? `${text}: ${detail}` : text;
}
