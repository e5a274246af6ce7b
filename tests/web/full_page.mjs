// A page whose queue is full, for `label` as its policy: nothing leaves until it is, and then all does.

import { connect } from 'ottla';

const { url, topic, label } = Object.fromEntries(new URLSearchParams(location.search));
const told = { label, stored: [], unknown: [] };
const tell = (more) => fetch('/told', { method: 'POST', body: JSON.stringify({ ...told, ...more }) });

/** Keeps back what is said to the bridge; returns what lets it go. */
function hold() {
  const { send } = WebSocket.prototype;
  const held = [];
  WebSocket.prototype.send = function (message) {
    held.push([this, message.slice()]);
  };
  return () => {
    WebSocket.prototype.send = send;
    for (const [socket, message] of held) send.call(socket, message);
  };
}

function check(holds, what) {
  if (!holds) throw new Error(`${label}: not so: ${what}`);
}

async function run() {
  const durable = { name: label, maxBytes: 4000, onFull: label };
  const producer = await connect({ url, config: { 'linger.ms': 0 }, durable });
  const sent = [];
  let number = 0;
  const send = () => {
    const value = `${label}:${number++}`;
    const record = { topic, value, partition: 0, headers: { size: 'x'.repeat(300) } };
    const promise = producer.send(record);
    const one = { value, acknowledged: promise };
    one.stored = promise.stored.then(() => 'stored', (error) => error);
    sent.push(one);
    promise.catch(() => {});
    return one.stored;
  };
  // After it the topic is known.
  await send();
  await producer.flush();
  const letGo = hold();
  const steps = [];
  for (let count = 0; count < 30; count += 1) steps.push(await send());
  const refusal = label === 'reject' ? 'QUEUE_FULL' : 'NOT_STORED';
  const refused = steps.filter((step) => step !== 'stored');
  check(refused.length > 10 && refused.length < 28, `${refused.length} of 30 find no room`);
  check(refused.every((error) => error.code === refusal), refused.join());
  letGo();
  await producer.flush();
  const outcomes = await Promise.allSettled(sent.map(({ acknowledged }) => acknowledged));
  const arrived = sent.filter((_, index) => outcomes[index].status === 'fulfilled');
  const failed = outcomes.flatMap(({ reason }) => reason ?? []);
  if (label === 'reject') {
    check(failed.length === refused.length, `${failed.length} of ${refused.length} have failed`);
    check(failed.every((error) => error.retriable && error.written === 'no'), 'it can be tried again');
  } else {
    check(failed.length === 0, `sent all the same: ${failed.join()}`);
  }
  check((await send()) === 'stored', 'there is room again');
  arrived.push(sent.at(-1));
  await producer.flush();
  await producer.close();
  await tell({ done: true, stored: arrived.map(({ value }) => value) });
}

run().catch((error) => tell({ error: `${label}: ${error.code ?? ''} ${error.stack ?? error}` }));
