import init, { Engine, Link } from './lasting.js';

/** Makes the module that stores batches; resolves with what it exports. */
export async function load() {
  const url = new URL('./lasting_bg.wasm', import.meta.url);
  const { memory } = await init({ module_or_path: url });
  return { Engine, Link, memory };
}
