// Modules that stop when they are told to, as they do when no memory is left.

/** A module of one function, `trap`, which is `unreachable`. */
const TRAP = '\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x08\x01\x04trap\0\0\x0a\x05\x01\x03\0\0\x0b';

/** A module that is loaded from now on stops in its function `call`, once what is returned was called. */
export function trapIn(call) {
  const { instantiate, instantiateStreaming, Instance, Module } = WebAssembly;
  const bytes = Uint8Array.from(TRAP, (character) => character.charCodeAt(0));
  const { trap } = new Instance(new Module(bytes)).exports;
  let armed = false;
  const traps = ({ exports }) => {
    if (typeof exports[call] !== 'function') throw new Error(`the module has no ${call}`);
    return { exports: { ...exports, [call]: (...given) => (armed ? trap() : exports[call](...given)) } };
  };
  const within = async (made) => {
    const { instance, ...rest } = await made;
    return { ...rest, instance: traps(instance) };
  };
  WebAssembly.instantiateStreaming = (...given) => within(instantiateStreaming(...given));
  WebAssembly.instantiate = async (module, ...given) => {
    const made = instantiate(module, ...given);
    return module instanceof Module ? traps(await made) : within(made);
  };
  return () => {
    armed = true;
  };
}
