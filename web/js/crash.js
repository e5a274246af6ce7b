// A trap in the module (no memory is left, or there is a bug in it) leaves its memory as it was in the
// middle of something: from then on nothing of it is called, and whoever waits hears why.

import { OttlaError } from './errors.js';

/** Watches over what a module exports. It has `crashed` when it has, and its `producers` hear of it. */
export function guard(exported) {
  const module = { ...exported, producers: new Set() };
  for (const { prototype } of [module.Engine, module.Link]) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      if (name === 'constructor') continue;
      const method = prototype[name];
      prototype[name] = function call(...details) {
        if (module.crashed) return undefined;
        try {
          return method.apply(this, details);
        } catch (error) {
          if (!(error instanceof WebAssembly.RuntimeError)) throw error;
          module.crashed = error;
          for (const producer of module.producers) producer.crash(error);
          return undefined;
        }
      };
    }
  }
  return module;
}

/** What is told of a crash; `written` is what became of the record in question. */
export function crash(cause, written) {
  const message = 'the module has crashed: load the page, or start the process, again';
  return new OttlaError('CRASHED', message, { fatal: true, written, cause });
}
