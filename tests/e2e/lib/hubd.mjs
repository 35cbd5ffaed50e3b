// Starting a real hubd and speaking HTTP with it. No dependency but Node's own modules.
//
//     const hub = await startHubd({ flags: { retry_base_ms: 10 } });
//     after(() => hub.stop());
//     const job = await hub.run('probe.run', { do: 'succeed' });
//
// What is started here is ended here: by its pid, within a bounded time, also when a test fails.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { exchange } from './http.mjs';
import { assertProblem } from './problem.mjs';
import { EventStream } from './sse.mjs';

export const SOURCE = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const BUILD = path.resolve(SOURCE, process.env.HUBD_BUILD ?? 'build');
/** Is this build instrumented? Its memory says nothing then, and its time little. */
export const SANITIZED = (process.env.HUB_SANITIZE ?? '') !== '';
/** How much longer than usual things may take. */
export const SLOW = SANITIZED ? 4 : 1;

const READY_MS = 15_000 * SLOW;
const LOG_MAX = 8 << 20;
const REPORT = /(ERROR|WARNING): \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer/;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Looks again and again until `probe()` gives something true; fails after `ms`. */
export async function until(probe, what, ms = 10_000 * SLOW) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) assert.fail(`not within ${ms} ms: ${what}`);
    await sleep(10);
  }
}

// --- What must not outlive this process ----------------------------------------------------------

const children = new Set();
const folders = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

/** A new folder that is gone when the tests are over. */
export function tempFolder(prefix = 'hubd-e2e-') {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), prefix));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder) {
  folders.delete(folder);
  fs.rmSync(folder, { recursive: true, force: true });
}

// --- hubd ----------------------------------------------------------------------------------------

/** {log_level: 'debug', connector_dir: ['a', 'b']} or ['--flag', 'value'] as arguments. */
function toArguments(flags) {
  if (Array.isArray(flags)) return flags;
  return Object.entries(flags).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [`--${name.replaceAll('_', '-')}`, String(one)]));
}

/** What instrumented programs shall do, unless the environment says otherwise. */
const SANITIZER_ENV = {
  ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=0:handle_abort=0',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  // So that ThreadSanitizer does not mix up descriptors: see seen_close.c.
  ...(process.env.HUB_SANITIZE === 'thread' && {
    LD_PRELOAD: path.join(BUILD, 'tests', 'seen_close.so'),
  }),
};

/** Runs a program of the build to its end: {code, signal, stdout, stderr}. */
export async function runProgram(program, args, { env = {}, input, ms = 20_000 * SLOW } = {}) {
  const child = spawn(program, args, {
    env: { ...SANITIZER_ENV, ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'],
  });
  children.add(child);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => { output[name] += text; });
  }
  child.stdin.on('error', () => {}).end(input);
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  children.delete(child);
  return { code, signal, ...output };
}

/**
 * Starts a hubd on a free port and waits until it is ready.
 *
 * flags       settings by name, or an array of arguments
 * env         more environment
 * connectors  folders; default: those of the build and the tests' own
 * stateDir    default: a new one, removed by stop()
 * program     default: hubd of the build
 */
export async function startHubd({ flags = {}, env = {}, connectors, stateDir, program } = {}) {
  const hub = new Hubd(stateDir ?? tempFolder(), stateDir === undefined);
  await hub.start({
    flags, env, program: program ?? path.join(BUILD, 'hubd'),
    connectors: connectors ??
      [path.join(BUILD, 'connectors'), path.join(BUILD, 'tests', 'connectors')],
  });
  return hub;
}

export class Hubd {
  #child;
  #exited;
  #ownsState;
  #stdout = '';
  #stderr = '';

  constructor(stateDir, ownsState) {
    this.stateDir = stateDir;
    this.#ownsState = ownsState;
  }

  async start({ program, connectors, flags, env }) {
    const args = ['--state-dir', this.stateDir, '--listen', '127.0.0.1:0',
      ...connectors.flatMap((folder) => ['--connector-dir', folder]), ...toArguments(flags)];
    this.#child = spawn(program, args, {
      env: { ...SANITIZER_ENV, ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(this.#child);
    this.#exited = once(this.#child, 'close').then(([code, signal]) => {
      children.delete(this.#child);
      return { code, signal };
    });
    this.#collect();
    this.pid = this.#child.pid;
    this.url = await this.#ready();
    this.port = Number(new URL(this.url).port);
    this.socket = path.join(this.stateDir, 'hubd.sock');
    this.key = fs.readFileSync(path.join(this.stateDir, 'admin.key'), 'utf8').trim();
  }

  #collect() {
    this.#child.stdout.setEncoding('utf8').on('data', (text) => { this.#stdout += text; });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-LOG_MAX);
    });
  }

  async #ready() {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), READY_MS);
    const line = /^hubd ready (http:\/\/\S+)\n/m;
    try {
      while (!line.test(this.#stdout)) {
        const end = await Promise.race([this.#exited, once(this.#child.stdout, 'data')]);
        if (!Array.isArray(end) && !line.test(this.#stdout)) {
          throw new Error(`hubd ended before it was ready: ${JSON.stringify(end)}\n${this.log()}`);
        }
      }
    } finally {
      clearTimeout(timer);
    }
    return line.exec(this.#stdout)[1];
  }

  /** What hubd has written to stderr so far. */
  log() {
    return this.#stderr;
  }

  stdout() {
    return this.#stdout;
  }

  /** Has it ended by itself? {code, signal}, once it has. */
  get exited() {
    return this.#exited;
  }

  get running() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** SIGTERM; must end with 0 in time, without a sanitizer's report. Removes its own state. */
  async stop({ signal = 'SIGTERM', ms = 20_000 * SLOW } = {}) {
    if (this.running) this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ms);
    const end = await this.#exited;
    clearTimeout(timer);
    this.discard();
    const why = `hubd ended with ${JSON.stringify(end)}\n${this.log().slice(-20_000)}`;
    assert.deepEqual(end, { code: 0, signal: null }, why);
    assert.doesNotMatch(this.log(), REPORT);
  }

  /** SIGKILL, as a crash would. The state stays until stop() of a later life or discard(). */
  async kill() {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  discard() {
    if (this.#ownsState) removeFolder(this.stateDir);
  }

  // --- Requests ----------------------------------------------------------------------------------

  /** fetch() with the admin key, or with `key`; null: none. */
  fetch(target, { key = this.key, headers = {}, ms = 30_000 * SLOW, ...options } = {}) {
    return fetch(new URL(target, this.url), {
      signal: AbortSignal.timeout(ms),
      headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
      ...(options.body && typeof options.body.pipe === 'function' ? { duplex: 'half' } : {}),
      ...options,
    });
  }

  /** POST (or `method`) of JSON. A string is sent as it is. */
  send(target, body, { headers = {}, method = 'POST', ...options } = {}) {
    return this.fetch(target, {
      method, ...options, headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  /** The JSON of an answer that must have `status`. */
  async json(target, { status = 200, ...options } = {}) {
    return answered(await this.fetch(target, options), status);
  }

  /** A request of which every byte of the head is ours; see http.mjs. */
  exchange(options) {
    return exchange({ port: this.port, key: this.key, ...options });
  }

  /** The same over the Unix socket, without a key. */
  overSocket(options) {
    return exchange({ socket: this.socket, key: null, ...options });
  }

  /** A request that must be refused, as problem+json. */
  async refused(status, code, target, options = {}) {
    const response = options.json === undefined
      ? await this.fetch(target, options)
      : await this.send(target, options.json, options);
    return assertProblem(response, status, code);
  }

  // --- Jobs --------------------------------------------------------------------------------------

  /** Posts a job, which must be accepted; gives it as it was answered. */
  async post(type, input = {}, more = {}, headers = {}) {
    return answered(await this.send('/v1/jobs', { type, input, ...more }, { headers }), 202);
  }

  /** Posts a job and waits for its end, whatever that is. */
  async run(type, input = {}, more = {}, { seconds = 30 } = {}) {
    const response = await this.send('/v1/jobs', { type, input, ...more },
      { headers: { prefer: `wait=${seconds}` }, ms: (seconds + 10) * 1000 });
    return answered(response, 200);
  }

  job(id) {
    return this.json(`/v1/jobs/${id}`);
  }

  /** The job once it is in (one of) these states. */
  async reaches(id, states, ms) {
    let job;
    await until(async () => {
      job = await this.job(id);
      return [states].flat().includes(job.state);
    }, `job ${id} in state ${states}`, ms).catch((error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(job)}`);
    });
    return job;
  }

  finished(id, ms) {
    return this.reaches(id, ['succeeded', 'failed', 'cancelled', 'unknown'], ms);
  }

  // --- Artifacts ---------------------------------------------------------------------------------

  /** Uploads bytes (or a stream); gives the artifact. */
  async upload(body, { name, type = 'application/octet-stream', headers = {} } = {}) {
    const disposition = name === undefined ? {} : {
      'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
    };
    const response = await this.fetch('/v1/artifacts', {
      method: 'POST', body, headers: { 'content-type': type, ...disposition, ...headers },
    });
    return answered(response, 201);
  }

  async download(artifact) {
    const response = await this.fetch(artifact.url ?? `/v1/artifacts/${artifact}`);
    assert.equal(response.status, 200);
    return Buffer.from(await response.arrayBuffer());
  }

  // --- Watching ----------------------------------------------------------------------------------

  /** A stream of job events: see sse.mjs. */
  events(query = '', options = {}) {
    return EventStream.open(this, `/v1/events${query}`, options);
  }

  /** A figure of /metrics: `jobs_submitted_total`, `jobs_finished_total{state="failed"}`. */
  async metric(name) {
    const text = await (await this.fetch('/metrics')).text();
    const line = text.split('\n').find((one) => one.startsWith(`hubd_${name} `));
    assert.ok(line, `no metric ${name}`);
    return Number(line.slice(line.lastIndexOf(' ') + 1));
  }

  /** A figure of /proc/PID/status in bytes, such as VmRSS or VmHWM. */
  memory(name) {
    const status = fs.readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)[1]) * 1024;
  }

  /** From now on VmHWM is the peak since now. */
  resetPeak() {
    fs.writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }

  /** Files below the state directory's `folder`: paths that begin with it. */
  files(folder) {
    return fs.readdirSync(path.join(this.stateDir, folder), { withFileTypes: true })
      .flatMap((entry) => {
        const name = path.join(folder, entry.name);
        if (entry.isDirectory()) return this.files(name);
        return entry.isFile() ? [name] : [];
      });
  }
}

/** The JSON of a response, whose status is asserted with the body as the reason. */
export async function answered(response, status) {
  const text = await response.text();
  assert.equal(response.status, status, `${response.status}: ${text.slice(0, 2000)}`);
  return text === '' ? null : JSON.parse(text);
}
