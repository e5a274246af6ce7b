// BROKERS COUNT: transactions of which every other pair is committed; then what is refused.
// The values that get visible in `left` and `right` are `NUMBER`, where NUMBER % 4 is 0 or 3.

import assert from 'node:assert/strict';
import process from 'node:process';

import { connect, OttlaError } from 'ottla';

const [brokers, count] = process.argv.slice(2);
const config = { 'linger.ms': 1 };

const producer = await connect({ brokers, transactionalId: 'js', config });
for (let number = 0; number < Number(count); number += 1) {
  const tx = await producer.transaction();
  const value = String(number);
  // A commit needs nothing awaited before.
  tx.send({ topic: 'left', value });
  const sent = tx.sendBatch('right', [{ value }, { value }]);
  switch (number % 4) {
    case 0:
      await tx.commit();
      assert.equal((await sent).length, 2);
      break;
    case 1:
      await tx.abort();
      break;
    case 2:
      await tx[Symbol.asyncDispose]();
      break;
    default:
      await tx.sendOffsets('js-group', [{ topic: 'in', partition: 0, offset: number + 1 }]);
      await tx.commit();
  }
}

/** The promise is rejected with this code, and says whether another transaction may help. */
async function refused(promise, code, text, more = {}) {
  const error = await promise.then(
    (value) => assert.fail(`not refused: ${JSON.stringify(value)}`),
    (reason) => reason,
  );
  assert.ok(error instanceof OttlaError, String(error.stack));
  assert.match(error.message, text);
  const { abortable = false, fatal = false } = more;
  assert.deepEqual([error.code, error.abortable, error.fatal], [code, abortable, fatal], `${error}`);
}
const abortable = { abortable: true };
const fatal = { fatal: true };

// Out of order.
let tx = await producer.transaction();
await refused(producer.transaction(), 'INVALID_TXN_STATE', /before has not ended/);
const commit = tx.commit();
await refused(tx.commit(), 'INVALID_TXN_STATE', /has ended/);
await commit;
assert.throws(() => tx.send({ topic: 'small', value: 'late' }), { code: 'INVALID_TXN_STATE' });
await refused(tx.abort(), 'INVALID_TXN_STATE', /has ended/);
await tx[Symbol.asyncDispose]();

// The next transaction waits for the end of the one before, also when nobody awaits that.
tx = await producer.transaction();
tx.send({ topic: 'small', value: 'not awaited' });
const ended = tx.commit();
tx = await producer.transaction();
await ended;
await tx.abort();

// A record that fails dooms its transaction, and only that.
tx = await producer.transaction();
await tx.send({ topic: 'small', value: 'fine' });
tx.send({ topic: 'small', value: 'x'.repeat(3000) });
await refused(tx.commit(), 'MESSAGE_TOO_LARGE', /not committed/, abortable);
tx = await producer.transaction();
const invalid = tx.send({ topic: 'small', value: { a: 1 } });
await refused(tx.commit(), 'INVALID_RECORD', /not committed/, abortable);
await refused(invalid, 'INVALID_RECORD', /JSON.stringify/);

// One of many, too, although the promise waits for all of them.
const large = [{ a: 1 }, 'x'.repeat(2 ** 21)];
for (const [index, code] of ['INVALID_RECORD', 'RECORD_TOO_LARGE'].entries()) {
  tx = await producer.transaction();
  const batch = tx.sendBatch('small', [{ value: 'fine' }, { value: large[index] }]);
  await refused(tx.commit(), code, /not committed/, abortable);
  await refused(batch, code, /./);
}

// A group that has no such member.
tx = await producer.transaction();
const group = { groupId: 'js-group', generationId: 7, memberId: 'nobody' };
const offsets = [{ topic: 'in', partition: 0, offset: 10n ** 6n }];
const unknown = /UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION/;
const stranger = await tx.sendOffsets(group, offsets).catch((error) => error);
assert.match(stranger.code, unknown);
assert.ok(stranger.abortable);
await assert.rejects(tx.commit(), (error) => error.abortable && unknown.test(error.code));
await assert.rejects(tx.sendOffsets('g', []), { code: 'INVALID_TXN_STATE' });

// Nothing of a call that is refused is left for the next.
tx = await producer.transaction();
const [offset] = offsets;
await refused(tx.sendOffsets({}, offsets), 'INVALID_GROUP_ID', /groupId/);
await refused(tx.sendOffsets('g', [offset, { ...offset, metadata: 5 }]), 'INVALID_OFFSET', /metadata/);
assert.equal(producer.metrics().promisesOpen, 0);
await tx.abort();

// Nothing of what waits for its topic gets into the transaction after.
tx = await producer.transaction();
const unsent = tx.send({ topic: 'small-too', value: 'never' });
await tx.abort();
await refused(unsent, 'TRANSACTION_ABORTED', /./);
tx = await producer.transaction();
await tx.send({ topic: 'small', value: 'last' });
await tx.commit();

// Another producer takes the id.
tx = await producer.transaction();
tx.send({ topic: 'small', value: 'fenced' });
{
  const second = await connect({ brokers, transactionalId: 'js', config });
  await refused(tx.commit(), 'PRODUCER_FENCED', /transactional.id/, fatal);
  await refused(producer.transaction(), 'PRODUCER_FENCED', /transactional.id/, fatal);
  await producer.close();
  await refused(producer.transaction(), 'CLOSED', /closed/);
  const open = await second.transaction();
  await open.send({ topic: 'small', value: 'left open' });
  // Aborts what is open.
  await second[Symbol.asyncDispose]();
}

const bridge = connect({ url: 'http://127.0.0.1:1', transactionalId: 'js' });
await refused(bridge, 'CONFIGURATION', /transactionalId/);
const longest = { 'transaction.timeout.ms': 1_000_000_000 };
await refused(
  connect({ brokers, transactionalId: 'other', config: longest }),
  'INVALID_TRANSACTION_TIMEOUT', /transaction.max.timeout.ms/, fatal,
);
