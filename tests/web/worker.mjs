// A worker that produces the text of a request, or is to be refused. What it opens belongs to that
// request.

import { connect } from 'ottla';

import { produce } from './produce.mjs';

export default {
  async fetch(request) {
    const { topic, password, expect, ...where } = Object.fromEntries(new URL(request.url).searchParams);
    if (password) {
      const login = { mechanism: 'SCRAM-SHA-512', username: 'alice', password };
      Object.assign(where, { tls: true, sasl: login });
    }
    try {
      const config = { 'compression.type': 'lz4', 'max.block.ms': expect ? 5_000 : 60_000 };
      const producer = await connect({ ...where, config });
      const rate = await produce(producer, topic, await request.text());
      return new Response(`${rate} records/s`, { status: expect ? 500 : 200 });
    } catch (error) {
      if (expect === error.code) return new Response(error.message);
      return new Response(`${error.code ?? ''} ${error.stack ?? error}`, { status: 500 });
    }
  },
};
