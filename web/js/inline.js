// For bundlers that don't take the module along (esbuild): it is in the script, as text.

import { makeConnect } from './connect.js';
import * as glue from './lasting_bg.js';
import text from './lasting_inline.js';
import { start } from './start.js';

const compile = () => WebAssembly.compile(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
const load = () => start('./lasting_bg.js', glue, compile);

export const connect = makeConnect({ load, loadLasting: load });
export { OttlaError } from './errors.js';
