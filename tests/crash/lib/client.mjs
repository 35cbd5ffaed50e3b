// HTTP as a backend speaks it to one life of hubd: kept-alive connections, and an answer counts
// from its head on, even if the connection breaks before the body is complete.
import http from 'node:http';

const ANSWER_MS = 30_000;

/** hubd died, or closed the connection: whether the request had an effect is not known. */
export class Lost extends Error {}

export class Client {
  #agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

  /** `onSent`, `onAcked`: called at the instants at which a kill is most interesting. */
  constructor(hub, { onSent = () => {}, onAcked = () => {} } = {}) {
    this.hub = hub;
    this.onSent = onSent;
    this.onAcked = onAcked;
  }

  /**
   * Gives {status, headers, body, json()}. `onHead(status, headers)` is called as soon as these are
   * known. Throws Lost.
   */
  request(method, path, { json, body, headers = {}, onHead = () => {} } = {}) {
    const payload = json === undefined ? body : JSON.stringify(json);
    return new Promise((resolve, reject) => {
      const lost = (error) => reject(new Lost(`${method} ${path}: ${error.message}`));
      const request = http.request({
        host: '127.0.0.1', port: this.hub.port, method, path, agent: this.#agent,
        headers: {
          authorization: `Bearer ${this.hub.key}`,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...(payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }),
          ...headers,
        },
      });
      request.on('error', lost);
      request.on('finish', this.onSent);
      request.setTimeout(ANSWER_MS, () => request.destroy(new Error('no answer in time')));
      request.on('response', (response) => {
        onHead(response.statusCode, response.headers);
        if (response.statusCode < 300) this.onAcked();
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', lost);
        response.on('end', () => {
          const bytes = Buffer.concat(parts);
          resolve({
            status: response.statusCode, headers: response.headers, body: bytes,
            json: () => JSON.parse(bytes.toString()),
          });
        });
      });
      request.end(payload);
    });
  }

  /** The JSON of an answer that must be 200. */
  async json(path) {
    const answer = await this.request('GET', path);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.body}`);
    return answer.json();
  }

  close() {
    this.#agent.destroy();
  }
}

/** Calls work(item) for each item, `width` at a time. */
export async function inParallel(items, width, work) {
  const rest = [...items];
  await Promise.all(Array.from({ length: width }, async () => {
    while (rest.length > 0) await work(rest.pop());
  }));
}
