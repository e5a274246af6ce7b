/** What proves to the bridge who this is: a text, or what a function returns, or a promise of it. */
export async function askToken(token) {
  const text = (typeof token === 'function' ? await token() : token) ?? '';
  if (typeof text === 'string') return text;
  throw new TypeError('the token is no text');
}
