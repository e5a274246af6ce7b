// A worker that produces the text of a request. What it opens belongs to that request.

import { connect } from 'ottla';

import { produce } from './produce.mjs';

export default {
  async fetch(request) {
    const { topic, ...where } = Object.fromEntries(new URL(request.url).searchParams);
    try {
      const config = { 'compression.type': 'lz4' };
      const producer = await connect({ ...where, config });
      return new Response(`${await produce(producer, topic, await request.text())} records/s`);
    } catch (error) {
      return new Response(`${error.code ?? ''} ${error.stack ?? error}`, { status: 500 });
    }
  },
};
