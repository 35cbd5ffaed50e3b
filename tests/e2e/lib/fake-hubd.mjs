// A hubd that behaves as it is told, for what the real one never does: hostile strings, damaged
// files, answers that break off.
//
//     const fake = await fakeHubd({ 'GET /v1/queues': (req, res) => json(res, { queues: [] }) });
//     after(() => fake.close());
import http from 'node:http';
import path from 'node:path';

import { tempFolder } from './hubd.mjs';

export function json(res, value, status = 200, headers = {}) {
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify(value));
}

/** Routes by "METHOD /path" without the query; the rest is 404. */
export async function fakeHubd(routes) {
  const requests = [];
  const server = http.createServer((req, res) => {
    const target = req.url.split('?')[0];
    requests.push({ method: req.method, url: req.url, headers: req.headers });
    const handle = routes[`${req.method} ${target}`];
    if (handle) {
      handle(req, res);
    } else {
      json(res, { type: 'about:blank', title: 'Not found', status: 404, code: 'not_found' }, 404,
        { 'content-type': 'application/problem+json' });
    }
  });
  const socket = path.join(tempFolder('hubctl-fake-'), 'hubd.sock');
  await new Promise((resolve) => { server.listen(socket, resolve); });
  return {
    socket,
    requests,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => { server.close(resolve); });
    },
  };
}
