// What makes a module run: the same in every runtime. `name` is the glue's file, of which the module
// imports under that name.

import { guard } from './crash.js';

const running = new Map();

/** Joins what `compile()` makes and its glue; a glue has one module, however often it is asked for. */
export function start(name, glue, compile) {
  return once(glue, async () => WebAssembly.instantiate(await compile(), { [name]: glue }));
}

/** The same with a module that is to be fetched. */
export function fetchAndStart(name, glue, url) {
  return once(glue, async () => instantiate(await fetch(url), { [name]: glue }));
}

async function instantiate(response, imports) {
  if (!response.ok) throw new Error(`${response.status} for ${response.url}`);
  // Not every server knows what type a module has.
  const streams = response.headers.get('content-type') === 'application/wasm';
  const made = streams
    ? WebAssembly.instantiateStreaming(response, imports)
    : WebAssembly.instantiate(await response.arrayBuffer(), imports);
  return (await made).instance;
}

function begin(glue, { exports }) {
  glue.__wbg_set_wasm(exports);
  exports.__wbindgen_start();
  return guard({ Engine: glue.Engine, Link: glue.Link, memory: exports.memory });
}

/** What failed may be tried again. */
function once(glue, make) {
  if (!running.has(glue)) {
    running.set(glue, make().then((instance) => begin(glue, instance)));
    running.get(glue).catch(() => running.delete(glue));
  }
  return running.get(glue);
}
