// Calls to `mirrorctl web`. The address that it printed carries a secret, which is exchanged for a bearer once; the
// bearer stands in this tab's sessionStorage, and another tab of the same browser may ask for it.

const KEY = 'mirror-bearer';
const SECRET = /^#([0-9a-f]{64})$/;
const ASK_MS = 300;

const tabs = new BroadcastChannel('mirror-entry');
tabs.onmessage = ({ data }) => {
  const bearer = sessionStorage.getItem(KEY);
  if (data?.asks && bearer) tabs.postMessage({ bearer });
};

function askOtherTabs() {
  return new Promise((resolve) => {
    const listen = ({ data }) => {
      if (!data?.bearer) return;
      tabs.removeEventListener('message', listen);
      resolve(data.bearer);
    };
    tabs.addEventListener('message', listen);
    tabs.postMessage({ asks: true });
    setTimeout(() => resolve(null), ASK_MS);
  });
}

export class ApiError extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

async function wordsOf(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return text.trim() || `the answer was ${answer.status}`;
  }
}

/** The answer of a call, or an ApiError with words for people; `status` 0: nobody answered. */
export async function call(path, { method = 'GET', body, signal } = {}) {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ''}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, signal, cache: 'no-store', body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "'mirrorctl web' does not answer. Check whether it still runs in its terminal.");
  }
  if (!answer.ok) throw new ApiError(answer.status, await wordsOf(answer));
  return answer;
}

export async function get(path, signal) {
  return (await call(path, { signal })).json();
}

export async function post(path, body = {}) {
  return (await call(path, { method: 'POST', body })).json();
}

/** Gets in; throws an ApiError where this tab may not. Gives what there is to know of the server. */
export async function enter() {
  const secret = SECRET.exec(location.hash)?.[1];
  // The address is good once: what is left of it in the history must not look as if it were not.
  if (secret) history.replaceState(null, '', location.pathname);
  if (secret) {
    try {
      const { bearer } = await post('/api/session', { secret });
      sessionStorage.setItem(KEY, bearer);
    } catch (error) {
      if (!sessionStorage.getItem(KEY)) throw error;
    }
  }
  if (!sessionStorage.getItem(KEY)) {
    const bearer = await askOtherTabs();
    if (bearer) sessionStorage.setItem(KEY, bearer);
  }
  return get('/api/about');
}

export function tenantPath(id, ...rest) {
  return ['/api/tenants', encodeURIComponent(id), ...rest.map(encodeURIComponent)].join('/');
}
