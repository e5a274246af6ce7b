// What tabs and their host have in common.

/** The names of a queue's channels and locks. */
export function channelNames(name) {
  return {
    name,
    host: `ottla:${name}:host`,
    all: `ottla:${name}:all`,
    tab: (id) => `ottla:${name}:tab:${id}`,
    tabLock: (id) => `ottla:${name}:tab:${id}`,
    hostLock: `ottla:${name}`,
  };
}

/** An error as a message carries it. */
export function plain({ code = 'INVALID_RECORD', message, retriable = false, written = 'no' }) {
  return { code, message, retriable, written };
}
