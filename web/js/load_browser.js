import init, { Engine, Link } from './core.js';

/** Makes the module, which a bundler takes along; resolves with what it exports. */
export async function load() {
  const url = new URL('./core_bg.wasm', import.meta.url);
  const { memory } = await init({ module_or_path: url });
  return { Engine, Link, memory };
}
