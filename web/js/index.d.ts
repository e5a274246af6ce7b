/** Text is stored as UTF-8, bytes as they are. */
export type Content = string | ArrayBuffer | ArrayBufferView;

/** A record's headers in order; a name may repeat in the list of pairs. */
export type Headers =
  | Record<string, Content | null>
  | ReadonlyArray<readonly [name: string, content: Content | null]>;

/** What is sent, without the topic. */
export interface RecordFields {
  /** Decides the partition as Java's producer does (murmur2), unless `partition` is given. */
  key?: Content | null;
  /** Null is a tombstone. */
  value: Content | null;
  headers?: Headers;
  /** A date, or milliseconds since 1970; now if missing. */
  timestamp?: number | Date;
  partition?: number;
  /** A W3C trace context, stored as the header `traceparent`. */
  traceparent?: string;
}

export interface ProducerRecord extends RecordFields {
  topic: string;
}

/** Where a record is stored. */
export interface RecordMetadata {
  topic: string;
  partition: number;
  /** Undefined with `acks` 0, and for a record that the broker had already without saying where. */
  offset: number | undefined;
  /** Milliseconds since 1970: the record's own, or the broker's where the topic says so. */
  timestamp: number;
}

/** `replayed` where an earlier page stored the record; `batch` is what it stored, in Kafka's format. */
export type Report =
  | (RecordMetadata & { error?: undefined; replayed?: true })
  | { topic: string; error: OttlaError; replayed?: true; batch?: Uint8Array };

/** A promise of where records are stored in Kafka. */
export interface Sent<T> extends Promise<T> {
  /**
   * Of a durable producer: resolves when they are stored here, so that they outlive the page;
   * rejected where they were refused, or are sent without.
   */
  readonly stored?: Promise<void>;
}

export interface SendOptions {
  /** Ends the waiting. A record that was handed over may be stored all the same. */
  signal?: AbortSignal;
}

/** Numbers since the producer was made; times are in microseconds. */
export interface Metrics {
  recordsSent: number;
  recordsAcknowledged: number;
  recordsRetried: number;
  recordsFailed: number;
  bytesSent: number;
  batches: number;
  batchBytesMax: number;
  queueTimeTotalUs: number;
  queueTimeMaxUs: number;
  requests: number;
  requestLatencyTotalUs: number;
  requestLatencyMaxUs: number;
  produceRequests: number;
  requestsInFlight: number;
  outgoingBytes: number;
  incomingBytes: number;
  connectionsOpened: number;
  connectionsClosed: number;
  metadataUpdates: number;
  epochBumps: number;
  throttleTimeTotalUs: number;
  bufferTotalBytes: number;
  bufferAvailableBytes: number;
  bufferExhausted: number;
  promisesOpen: number;
}

/** What every promise of this package is rejected with. */
export class OttlaError extends Error {
  /** A name to compare; Kafka's own where a broker refused. */
  readonly code: string;
  /** Whether the same call may succeed later. */
  readonly retriable: boolean;
  /** Whether the record is in the log all the same. */
  readonly written: 'no' | 'maybe' | 'yes';
  /** The transaction is aborted; another may succeed. */
  readonly abortable: boolean;
  /** This producer can't go on; another may. */
  readonly fatal: boolean;
  /** Of `sendBatch`: what became of each record. */
  readonly outcomes?: ReadonlyArray<RecordMetadata | OttlaError>;
}

export interface Producer extends AsyncDisposable {
  /** Sends a record, whose bytes are copied at once; resolves with where it is stored. */
  send(record: ProducerRecord, options?: SendOptions): Sent<RecordMetadata>;
  /** Sends records of one topic with one promise; it resolves when all are stored. */
  sendBatch(
    topic: string,
    records: ReadonlyArray<RecordFields>,
    options?: SendOptions,
  ): Sent<RecordMetadata[]>;
  /**
   * A stream of values or records with back-pressure: at most `highWaterMark` bytes (1 MiB) are on
   * their way. The first failure ends it.
   */
  writable(
    topic: string,
    options?: { highWaterMark?: number },
  ): WritableStream<Content | RecordFields>;
  /** Every outcome from now on, until the producer ends or the loop is left. */
  reports(): AsyncIterableIterator<Report>;
  /** Resolves when every record sent before has its outcome; sends them without lingering. */
  flush(): Promise<void>;
  /** Sends what is waiting, then ends. What has no outcome after `timeout` ms (30 s) is rejected. */
  close(options?: { timeout?: number }): Promise<void>;
  metrics(): Metrics;
}

/** Up to where a partition was consumed. */
export interface ConsumedOffset {
  topic: string;
  partition: number;
  /** Of the next record to be consumed. */
  offset: number | bigint | string;
  /** Of the last record consumed, where it is known. */
  leaderEpoch?: number;
  /** A note for the group's next consumer. */
  metadata?: string;
}

/** What a consumer knows of its group, so that the broker refuses one that has lost its partitions. */
export interface GroupMetadata {
  groupId: string;
  /** The generation, or the member's epoch; −1 or missing if it chose its partitions itself. */
  generationId?: number;
  memberId?: string;
  groupInstanceId?: string | null;
}

/** What is sent in it becomes visible with its commit, or never. A record that fails dooms it. */
export interface Transaction extends AsyncDisposable {
  /** As a `Producer`'s. */
  send(record: ProducerRecord, options?: SendOptions): Promise<RecordMetadata>;
  /** As a `Producer`'s. */
  sendBatch(
    topic: string,
    records: ReadonlyArray<RecordFields>,
    options?: SendOptions,
  ): Promise<RecordMetadata[]>;
  /** Makes a consumer group's offsets part of it. */
  sendOffsets(
    group: string | GroupMetadata,
    offsets: ReadonlyArray<ConsumedOffset>,
  ): Promise<void>;
  /**
   * Waits for all records, then makes them visible at once. If one has failed it aborts, and rejects
   * with an `abortable` error. After `TIMED_OUT` another call waits on.
   */
  commit(): Promise<void>;
  /** Nothing of it is ever visible. */
  abort(): Promise<void>;
}

/** A producer that sends within transactions alone, one after another. */
export interface TransactionalProducer extends AsyncDisposable {
  /** Begins one. A transaction that is disposed of without an end is aborted. */
  transaction(): Promise<Transaction>;
  /** As a `Producer`'s. */
  reports(): AsyncIterableIterator<Report>;
  /** Aborts the transaction that is open, if one is, and ends. */
  close(options?: { timeout?: number }): Promise<void>;
  metrics(): Metrics;
}

interface CommonOptions {
  /** Kafka's own keys with the Java producer's defaults, such as `'linger.ms': 20`. */
  config?: Readonly<Record<string, string | number | boolean>>;
}

export interface BridgeOptions extends CommonOptions {
  brokers?: never;
  /** The bridge's address: `https://…`, `wss://…`, or relative to the page. */
  url: string | URL;
  /**
   * Proves to the bridge who this is; a function is asked whenever a fresh one is needed, and has 20 s
   * to answer.
   */
  token?: string | (() => string | Promise<string>);
  /**
   * How long `connect` tries, in ms, with all that it has to load; 30 s if missing. Later losses are
   * always mended.
   */
  timeout?: number;
  /** Ends the attempt to connect. */
  signal?: AbortSignal;
  /** Stores what is sent before it leaves, so that it outlives the page; in browsers. */
  durable?: boolean | DurableOptions;
  /**
   * One connection for all tabs, with one durable queue: in a SharedWorker, else in one of the
   * tabs; without Web Locks each tab has its own, which is not durable.
   */
  shared?: boolean;
}

/** How records outlive the page. */
export interface DurableOptions {
  /** Which queue; `'default'` if missing. Only one page has it at a time, or all that share it. */
  name?: string;
  /** Bytes that may wait to be acknowledged; 8 MiB if missing. */
  maxBytes?: number;
  /** When there are more: `'reject'` (the default) new records, or `'send'` them without storing. */
  onFull?: 'reject' | 'send';
  /**
   * What becomes of records that an earlier page stored, whose lease is over, so that nobody knows
   * whether they are in the log: `'report'` them (the default), or `'resend'` them, which may store
   * them twice.
   */
  onExpiredLease?: 'report' | 'resend';
}

export interface BrokerOptions extends CommonOptions {
  url?: never;
  /** Addresses of some brokers, `HOST:PORT`; where the runtime has TCP. */
  brokers: string | ReadonlyArray<string>;
  /** True, or the runtime's own options: in Node, Bun and Deno those of `tls.connect`. */
  tls?: boolean | object;
  sasl?: PasswordLogin | TokenLogin | AwsLogin;
}

export interface PasswordLogin {
  /** PLAIN if missing. */
  mechanism?: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  username: string;
  password: string;
}

export interface TokenLogin {
  mechanism: 'OAUTHBEARER';
  /** A function is asked by every login, also by those that renew a session (KIP-368). */
  token: string | (() => string | Promise<string>);
  /** What the broker wants to know beside (KIP-342). */
  extensions?: Readonly<Record<string, string>>;
}

/** As AWS's SDK has them: its credential providers fit here. */
export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface AwsLogin {
  mechanism: 'AWS_MSK_IAM';
  /** Missing: what the broker's name says. */
  region?: string;
  credentials: AwsCredentials | (() => AwsCredentials | Promise<AwsCredentials>);
}

export interface TransactionalOptions extends BrokerOptions {
  /** Whoever had this id before is fenced, and what it left open is aborted. */
  transactionalId: string;
}

/** A producer for transactions, once the transactional id is its own. */
export function connect(options: TransactionalOptions): Promise<TransactionalProducer>;
/** A producer over a bridge, once there is a session; or over TCP, which connects when needed. */
export function connect(options: BridgeOptions | BrokerOptions): Promise<Producer>;
