import { configuration } from './options.js';
import { Secrets } from './secrets.js';

/** The module's properties for the option `sasl`, and who fetches what its logins need. */
export function login(sasl) {
  if (!sasl) return { properties: {} };
  const { mechanism = 'PLAIN' } = sasl;
  const { properties, fetch } = (MECHANISMS[mechanism] ?? unknown)(sasl);
  return {
    properties: { 'sasl.mechanism': mechanism, ...properties },
    secrets: fetch && new Secrets(fetch),
  };
}

const MECHANISMS = {
  PLAIN: password,
  'SCRAM-SHA-256': password,
  'SCRAM-SHA-512': password,
  OAUTHBEARER: bearer,
  AWS_MSK_IAM: aws,
};

function unknown({ mechanism }) {
  const names = Object.keys(MECHANISMS).join(', ');
  throw configuration(`sasl.mechanism is one of ${names}, not ${String(mechanism)}`);
}

function password({ username, password }) {
  return { properties: { 'sasl.username': username, 'sasl.password': password } };
}

/** `token` is a text, or a function that is asked for one by every login. */
function bearer({ token, extensions }) {
  const pairs = Object.entries(extensions ?? {}).map(([name, value]) => `${name}=${value}`);
  const properties = { 'sasl.oauthbearer.extensions': pairs.length > 0 ? pairs : undefined };
  if (typeof token !== 'function') properties['sasl.oauthbearer.token'] = token;
  return { properties, fetch: typeof token === 'function' ? token : undefined };
}

/** `credentials` is what AWS's own SDK calls so: an object, or a function that returns one. */
function aws({ region, credentials }) {
  const properties = { 'sasl.aws.region': region };
  if (typeof credentials !== 'function' && credentials === undefined) {
    throw configuration('sasl.credentials are needed: an object, or a function that returns one');
  }
  if (typeof credentials === 'function') {
    return { properties, fetch: async () => inLines(await credentials()) };
  }
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  properties['sasl.aws.access.key.id'] = accessKeyId;
  properties['sasl.aws.secret.access.key'] = secretAccessKey;
  properties['sasl.aws.security.token'] = sessionToken;
  return { properties };
}

function inLines({ accessKeyId, secretAccessKey, sessionToken = '' }) {
  return [accessKeyId, secretAccessKey, sessionToken].join('\n');
}
