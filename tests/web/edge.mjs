// URL TOPIC FILE: produces the lines of a file with single requests, in Node and Deno.

import { readFileSync } from 'node:fs';
import process from 'node:process';

import { connect } from 'ottla/edge';

import { produce } from './produce.mjs';

const [url, topic, file] = process.argv.slice(2);
const producer = await connect({ url, config: { 'compression.type': 'lz4' } });
const rate = await produce(producer, topic, readFileSync(file, 'utf8'));
console.log(`${rate} records/s`);
