// Produces keyed lines in every way that the package has, and checks what it says about them.

/** Lines of `key TAB value`, all to `topic`. Returns how many records a second were acknowledged. */
export async function produce(producer, topic, text) {
  const records = text.split('\n').filter((line) => line !== '').map(parse);
  const reports = countReports(producer);
  const begun = performance.now();
  const [single, batched, streamed] = inThirds(records);

  const stored = await Promise.all(single.map((record) => producer.send({ topic, ...record })));
  stored.push(...(await producer.sendBatch(topic, batched)));
  const writer = producer.writable(topic).getWriter();
  for (const record of streamed) {
    await writer.ready;
    writer.write(record);
  }
  await writer.close();
  await producer.flush();
  const seconds = (performance.now() - begun) / 1000;

  const { recordsAcknowledged, recordsFailed, promisesOpen } = producer.metrics();
  await producer.close();
  check(await reports, records.length, 'reports');
  check(recordsAcknowledged, records.length, 'records acknowledged');
  check(recordsFailed, 0, 'records failed');
  check(promisesOpen, 0, 'promises open');
  const places = new Set(stored.map(({ partition, offset }) => `${partition}/${offset}`));
  check(places.size, single.length + batched.length, 'places in the log');
  return Math.round(records.length / seconds);
}

/** Half of the lines as text, half as bytes. A value may have tabs. */
function parse(line, index) {
  const at = line.indexOf('\t');
  const [key, value] = [line.slice(0, at), line.slice(at + 1)];
  if (index % 2 === 0) return { key, value };
  return { key: new TextEncoder().encode(key), value: new TextEncoder().encode(value) };
}

function inThirds(records) {
  const third = Math.ceil(records.length / 3);
  return [0, 1, 2].map((part) => records.slice(part * third, (part + 1) * third));
}

async function countReports(producer) {
  let count = 0;
  for await (const report of producer.reports()) {
    if (report.error) throw report.error;
    count += 1;
  }
  return count;
}

function check(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: ${actual}, not ${expected}`);
}
