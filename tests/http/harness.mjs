// Starting the test server and speaking raw bytes with it. No dependency but Node's own modules.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import readline from 'node:readline';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The test server's program, strict or lenient; ctest says where it was built. */
function program(lenient) {
  const name = lenient ? 'HTTP_TEST_SERVER_LENIENT' : 'HTTP_TEST_SERVER';
  if (!process.env[name]) throw new Error(`${name} must name the program`);
  return process.env[name];
}

/** Starts a server; `stop()` ends all clients, drains it and gives its exit status. */
export async function startServer({ lenient = false, args = [] } = {}) {
  // Memory is measured in some tests; a sanitizer must not keep what was freed.
  const env = { ...process.env, ASAN_OPTIONS: 'quarantine_size_mb=1' };
  const child = spawn(program(lenient), args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  const exited = once(child, 'exit');
  const lines = readline.createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, 'line'),
    exited.then(([code]) => { throw new Error(`the server ended with ${code}`); }),
  ]);
  const port = Number(line.split(' ')[1]);
  return {
    port,
    pid: child.pid,
    exited,
    stats: async () => JSON.parse((await request(port, 'GET /stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).responses[0].body),
    kill: (signal) => child.kill(signal),
    stop: async () => {
      for (const client of Client.open) client.close();
      child.kill('SIGTERM');
      const [code, signal] = await exited;
      return code ?? signal;
    },
  };
}

/** Splits received bytes (latin1) into responses. What does not parse is in `rest`. */
export function parseResponses(text, { head = false } = {}) {
  const responses = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) break;
    const lines = rest.slice(0, end).split('\r\n');
    const match = /^HTTP\/1\.1 (\d{3}) /.exec(lines[0]);
    if (!match) break;
    const headers = {};
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(': ');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 2);
    }
    const status = Number(match[1]);
    const after = rest.slice(end + 4);
    let body;
    let used;
    if (status === 100 || status === 204 || status === 304 || head) {
      [body, used] = ['', 0];
    } else if (headers['transfer-encoding'] === 'chunked') {
      const chunks = dechunk(after);
      if (!chunks) break;
      [body, used] = chunks;
    } else if (headers['content-length'] !== undefined) {
      used = Number(headers['content-length']);
      if (after.length < used) break;
      body = after.slice(0, used);
    } else {
      [body, used] = [after, after.length];
    }
    responses.push({ status, headers, body });
    rest = after.slice(used);
  }
  return { responses, rest };
}

function dechunk(text) {
  let body = '';
  let at = 0;
  for (;;) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return null;
    const size = parseInt(text.slice(at, end), 16);
    at = end + 2;
    if (text.length < at + size + 2) return null;
    body += text.slice(at, at + size);
    at += size + 2;
    if (size === 0) return [body, at];
  }
}

/** A connection that remembers what it has received. */
export class Client {
  static open = new Set();

  static async connect(target) {
    const socket = net.connect(typeof target === 'string' ? { path: target } : { port: target, host: '127.0.0.1' });
    socket.setNoDelay(true);
    const client = new Client(socket);
    await once(socket, 'connect');
    return client;
  }

  constructor(socket) {
    this.socket = socket;
    this.text = '';
    this.ended = false;
    this.reset = false;
    this.waiters = [];
    Client.open.add(this);
    const wake = () => this.waiters.splice(0).forEach((waiter) => waiter());
    socket.on('data', (data) => { this.text += data.toString('latin1'); wake(); });
    socket.on('end', () => { this.ended = true; wake(); });
    socket.on('close', () => { this.ended = true; wake(); });
    socket.on('error', (error) => { this.reset = error.code === 'ECONNRESET'; this.ended = true; wake(); });
  }

  write(text) {
    return new Promise((resolve) => { this.socket.write(Buffer.from(text, 'latin1'), () => resolve()); });
  }

  /** Until `done(text)` holds, the server ends the connection, or the time is up (false). */
  async until(done, ms = 3000) {
    const deadline = Date.now() + ms;
    while (!done(this.text)) {
      const left = deadline - Date.now();
      if (this.ended) return done(this.text);
      if (left <= 0) return false;
      await Promise.race([new Promise((resolve) => this.waiters.push(resolve)), sleep(left)]);
    }
    return true;
  }

  responses(options) {
    return parseResponses(this.text, options).responses;
  }

  /** Until this many responses have come. */
  async got(count, ms, options) {
    await this.until(() => this.responses(options).length >= count, ms);
    return this.responses(options);
  }

  async untilEnd(ms = 3000) {
    await this.until(() => this.ended, ms);
    return this.ended;
  }

  close() {
    Client.open.delete(this);
    this.socket.destroy();
  }
}

/** Sends everything, waits for the server to end the connection, gives the responses. */
export async function request(target, text, { ms = 5000, head = false } = {}) {
  const client = await Client.connect(target);
  await client.write(text);
  const ended = await client.untilEnd(ms);
  client.close();
  return { ended, reset: client.reset, text: client.text, ...parseResponses(client.text, { head }) };
}
