// How lives end, and what happens to them before.
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const GONE_MS = 5_000;

/** [pid, …] of a process' children. Runners are started by hubd's first thread. */
function childrenOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
      .filter((text) => text !== '').map(Number);
  } catch {
    return []; // it has ended meanwhile
  }
}

/** Tells one process from a later one with the same pid; null when it has ended. */
function birthOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : fields[19];
  } catch {
    return null;
  }
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false; // ESRCH: it has ended meanwhile
  }
}

/**
 * Harm to the runners, and to hubd's pace, until `life.over`. hubd must not notice: only attempts
 * may fail, and each that does must have been in a process that was killed here.
 */
export async function harass(hub, ledger, random, life) {
  while (!life.over) {
    await delay(random.int(5, 80));
    if (life.over) return;
    const runners = childrenOf(hub.pid);
    const runner = runners.length > 0 ? random.pick(runners) : null;
    const act = random.weighted([
      [5, 'nothing'], [runner ? 4 : 0, 'kill'], [runner ? 1 : 0, 'terminate'],
      [runner ? 2 : 0, 'stop'], [1, 'freeze'], [0.5, 'reload'],
    ]);
    if (act === 'kill' || act === 'terminate') {
      ledger.killed(runner, act === 'kill' ? 9 : 15); // noted first: hubd may be fast
      send(runner, act === 'kill' ? 'SIGKILL' : 'SIGTERM');
    } else if (act === 'stop') {
      send(runner, 'SIGSTOP');
      await delay(random.int(1, 60));
      send(runner, 'SIGCONT');
    } else if (act === 'freeze') {
      hub.signal('SIGSTOP');
      await delay(random.int(1, 30));
      hub.signal('SIGCONT');
    } else if (act === 'reload') {
      hub.signal('SIGHUP');
    }
  }
}

/** How this life will end. `ms`: after a time; `sent`, `acked`: right behind the n-th of these. */
export function chooseEnd(random, longest, how) {
  return {
    when: random.weighted([[5, 'ms'], [3, 'sent'], [3, 'acked']]),
    ms: random.int(0, longest),
    count: random.int(1, 150),
    after: random.chance(0.5) ? 0 : random.unit() * 3,
    how: how ?? random.weighted([[14, 'kill'], [3, 'freeze and kill'], [3, 'terminate and kill'],
      [2, 'terminate twice'], [3, 'terminate']]),
  };
}

/** Waits for the instant that `end` names, at most `longest` ms. `hooks` are the client's. */
export function instant(end, longest) {
  const hooks = {};
  const reached = new Promise((resolve) => {
    let left = end.count;
    const count = () => { if (--left === 0) resolve(); };
    if (end.when === 'sent') hooks.onSent = count;
    if (end.when === 'acked') hooks.onAcked = count;
    setTimeout(resolve, end.when === 'ms' ? end.ms : longest);
  });
  return { hooks, reached };
}

/** A few milliseconds, but finer than timers: commits take a tenth of one. */
async function pause(ms) {
  if (ms > 1) await delay(Math.floor(ms));
  const until = performance.now() + (ms % 1);
  while (performance.now() < until);
}

/** The runners that hubd has now, to be given to runnersGone(). */
export const runnersOf = (hub) => childrenOf(hub.pid).map((pid) => [pid, birthOf(pid)]);

/** After hubd's death: none of its runners may outlive it for long. */
export async function runnersGone(runners, ledger) {
  const limit = Date.now() + GONE_MS;
  for (const [pid, birth] of runners) {
    while (birth !== null && birthOf(pid) === birth) {
      if (Date.now() > limit) {
        ledger.wrong('runner_left', pid, 'outlived hubd');
        send(pid, 'SIGKILL');
        break;
      }
      await delay(2);
    }
  }
}

/** Ends the life as chosen; gives {code, signal}. No runner may outlive hubd. */
export async function endLife(hub, end, ledger, random) {
  await pause(end.after);
  if (end.how === 'freeze and kill') hub.signal('SIGSTOP');
  const runners = runnersOf(hub);
  ledger.note('end', { pid: hub.pid, ...end });
  if (end.how.startsWith('terminate')) {
    hub.signal('SIGTERM');
    if (end.how === 'terminate twice') {
      await delay(random.int(0, 20));
      hub.signal('SIGTERM');
    } else if (end.how === 'terminate and kill') {
      await Promise.race([delay(random.int(0, 60)), hub.exited]);
      hub.signal('SIGKILL');
    }
  } else {
    hub.signal('SIGKILL');
  }
  const exit = await hub.exited;
  await runnersGone(runners, ledger);
  if (end.how.startsWith('terminate') && exit.signal !== 'SIGKILL' && exit.code !== 0) {
    ledger.wrong('exit', hub.pid, JSON.stringify(exit));
  }
  if (exit.signal !== null && exit.signal !== 'SIGKILL') {
    ledger.wrong('exit', hub.pid, `${JSON.stringify(exit)}\n${hub.log().slice(-4000)}`);
  }
  return exit;
}
