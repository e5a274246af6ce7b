/** So long may a function of the program's take. */
const PATIENCE_MS = 20_000;

/** What proves to the bridge who this is: a text, or what a function returns, or a promise of it. */
export async function askToken(token) {
  const text = (typeof token === 'function' ? await answer(token) : token) ?? '';
  if (typeof text === 'string') return text;
  throw new TypeError('the token is no text');
}

/** What `ask()` returns, or a promise of it. One that never answers is as one that fails: asked again. */
export async function answer(ask) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('the function did not answer in time')), PATIENCE_MS);
  });
  try {
    return await Promise.race([ask(), late]);
  } finally {
    clearTimeout(timer);
  }
}
