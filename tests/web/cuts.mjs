// URL TOPIC PORT: records in turns, before each of which whoever listens at PORT cuts the connection and
// says whether there will be another turn. Prints the offset of each record.

import { connect as dial } from 'node:net';
import process from 'node:process';

import { connect } from 'ottla';

const [url, topic, port] = process.argv.slice(2);
const RECORDS = 3;

const cut = () => new Promise((resolve, reject) => {
  dial(Number(port), '127.0.0.1').on('data', (answer) => resolve(answer[0] === 49)).on('error', reject);
});

const config = { 'linger.ms': 0, 'batch.size': 1, 'delivery.timeout.ms': 300_000 };
const producer = await connect({ url, config });
let number = 0;
while (await cut()) {
  const turn = [];
  for (let record = 0; record < RECORDS; record += 1, number += 1) {
    turn.push(producer.send({ topic, partition: 0, value: `0:${number}` }));
  }
  for (const { offset } of await Promise.all(turn)) console.log(String(offset));
}
await producer.close();
