// Running hubctl: as a program among programs, or on a terminal.
//
//     const ctl = hubctl({ HUBD_SOCKET: hub.socket });
//     const { code, stdout, stderr } = await ctl('list', '--json');
//     const screen = await ctl.onTerminal('run', 'noop.run', '-w');
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

import { BUILD, runProgram, SLOW } from './hubd.mjs';

export const HUBCTL = path.join(BUILD, 'hubctl');

/** Nothing of the developer's own settings. */
const CLEAN = {
  HUBD_URL: '', HUBD_SOCKET: '', HUBCTL_KEY: '', HUBD_KEY_FILE: '', HUBD_CA_FILE: '',
  NO_COLOR: '', COLUMNS: '', TZ: 'UTC',
};

/** hubctl with this environment; more of it per call as a last argument, an object. */
export function hubctl(env = {}) {
  const split = (args) => {
    const last = args.at(-1);
    return typeof last === 'object' ? [args.slice(0, -1), last] : [args, {}];
  };
  const quote = (word) => `'${String(word).replaceAll("'", "'\\''")}'`;

  const run = (...all) => {
    const [args, { input, env: more = {} }] = split(all);
    return runProgram(HUBCTL, args.map(String), { env: { ...CLEAN, ...env, ...more }, input });
  };

  /** The JSON values, one a line, of a call that must succeed. */
  run.json = async (...all) => {
    const [args, options] = split(all);
    const end = await run(...args, '--json', options);
    if (end.code !== 0) throw new Error(`hubctl ${args.join(' ')}: ${JSON.stringify(end)}`);
    return end.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  };

  /** All that a terminal of `columns` got to see, with stdout and stderr on it. */
  run.onTerminal = async (...all) => {
    const [args, { env: more = {}, columns = 80 }] = split(all);
    const line = `stty cols ${columns}; exec ${[HUBCTL, ...args].map(quote).join(' ')}`;
    const end = await runProgram('script', ['-qec', line, '/dev/null'],
      { env: { ...CLEAN, TERM: 'xterm', ...env, ...more } });
    return { code: end.code, screen: end.stdout };
  };

  /** Started and left running: {child, output, ended}. */
  run.start = (...args) => {
    const child = spawn(HUBCTL, args, {
      env: { ...process.env, ...CLEAN, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => { output[name] += text; });
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000 * SLOW);
    const ended = once(child, 'close').then(([code, signal]) => {
      clearTimeout(timer);
      return { code, signal, ...output };
    });
    return { child, output, ended };
  };
  return run;
}
