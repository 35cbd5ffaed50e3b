// A receiver of callbacks.
import { once } from 'node:events';
import http from 'node:http';

import { SLOW, until } from './hubd.mjs';

/** Takes callbacks and answers as `answer(path, nth)` says: {status, headers, ms}. */
export class Receiver {
  got = [];

  async start() {
    this.server = http.createServer(async (req, res) => {
      const chunks = [];
      for await (const chunk of req) chunks.push(chunk);
      const seen = this.got.filter(({ path }) => path === req.url).length + 1;
      this.got.push({
        path: req.url, method: req.method, headers: req.headers,
        body: Buffer.concat(chunks).toString(),
      });
      const { status = 204, headers = {}, ms = 0 } = this.answer(req.url, seen) ?? {};
      setTimeout(() => res.writeHead(status, headers).end(), ms).unref();
    });
    await once(this.server.listen(0, '127.0.0.1'), 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  answer() { return {}; }

  at(path) { return this.got.filter((one) => one.path === path); }

  async first(path, count = 1) {
    await until(() => this.at(path).length >= count, `${count} at ${path}`, 15_000 * SLOW);
    return this.at(path)[count - 1];
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
