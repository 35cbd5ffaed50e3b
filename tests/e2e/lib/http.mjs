// One HTTP exchange of which nothing is added or hidden: for what fetch() does not let through
// (HEAD bodies, Unix sockets, bodies broken off, clients that read slowly).
import http from 'node:http';
import { once } from 'node:events';

/** The request, not sent yet: write() and end() it. `response(request)` waits for the answer. */
export function begin({ port, socket, method = 'GET', path = '/', headers = {}, key = null }) {
  const request = http.request({
    ...(socket === undefined ? { host: '127.0.0.1', port } : { socketPath: socket }),
    method, path, agent: false,
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
  });
  request.setNoDelay(true);
  return request;
}

/** Waits for the head of the answer; the body is still to be read from it. */
export async function response(request, ms = 30_000) {
  const [message] = await once(request, 'response', { signal: AbortSignal.timeout(ms) });
  return message;
}

/** Sends a whole request, reads the whole answer: {status, headers, body, json()}. */
export async function exchange({ body, ms = 30_000, ...options }) {
  const request = begin(options);
  const answer = response(request, ms);
  request.end(body);
  const message = await answer;
  const parts = await message.toArray({ signal: AbortSignal.timeout(ms) });
  const bytes = Buffer.concat(parts);
  return {
    status: message.statusCode,
    headers: message.headers,
    body: bytes,
    json: () => JSON.parse(bytes.toString()),
  };
}
