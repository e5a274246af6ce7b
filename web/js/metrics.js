// What the module counts, in its order (web/src/metrics.rs, whose test reads the list).

const NAMES = [
  'recordsSent',
  'recordsAcknowledged',
  'recordsRetried',
  'recordsFailed',
  'bytesSent',
  'batches',
  'batchBytesMax',
  'queueTimeTotalUs',
  'queueTimeMaxUs',
  'requests',
  'requestLatencyTotalUs',
  'requestLatencyMaxUs',
  'produceRequests',
  'requestsInFlight',
  'outgoingBytes',
  'incomingBytes',
  'connectionsOpened',
  'connectionsClosed',
  'metadataUpdates',
  'epochBumps',
  'throttleTimeTotalUs',
  'bufferTotalBytes',
  'bufferAvailableBytes',
  'bufferExhausted',
];

/** The values of a crashed module are not known. */
export function named(values = []) {
  return Object.fromEntries(NAMES.map((name, place) => [name, values[place]]));
}
