// An edge function that produces the text of a request, and is done when it has answered.

import { connect } from 'ottla/edge';

import { produce } from './produce.mjs';

export default {
  async fetch(request, env, context) {
    const { topic, url } = Object.fromEntries(new URL(request.url).searchParams);
    if (!topic) return new Response('up');
    try {
      const producer = await connect({ url, config: { 'compression.type': 'lz4' } });
      const rate = await produce(producer, topic, await request.text());
      // A second producer, which the answer does not wait for, has what the first one had.
      const next = await connect({ url, config: { 'compression.type': 'lz4' } });
      context.waitUntil(next.close());
      return new Response(`${rate} records/s`);
    } catch (error) {
      return new Response(`${error.code ?? ''} ${error.stack ?? error}`, { status: 500 });
    }
  },
};
