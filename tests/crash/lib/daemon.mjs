// hubd in many lives on one state directory.
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { BUILD, Hubd, SLOW } from '../../e2e/lib/hubd.mjs';

/** What hubd must never say, however it was treated: it would mean that memory and store differ. */
const NEVER = [
  /a move was refused/, /a start was refused/, /checkpoint failed/, /could not load/,
  /commit failed/, /msg="out of memory"/, /(ERROR|WARNING): \w+Sanitizer/, /runtime error:/,
  /Assertion/,
];

export const FLAGS = {
  retry_base_ms: 5, retry_cap_ms: 40, cancel_grace_ms: 100, drain_timeout_ms: 1500 * SLOW,
};

const PLACE = {
  program: path.join(BUILD, 'hubd'),
  connectors: [path.join(BUILD, 'connectors'), path.join(BUILD, 'tests', 'connectors')],
  env: {},
};

/** Starts a life; gives the Hubd when it is ready. */
export async function live(stateDir, ledger, flags = {}) {
  const hub = new Hubd(stateDir, false);
  const at = Date.now();
  await hub.start({ ...PLACE, flags: { ...FLAGS, ...flags } });
  ledger.lives.push({ at, pid: hub.pid });
  ledger.note('life', { pid: hub.pid });
  return hub;
}

/** A life that is killed while it comes up, after `ms`. */
export async function liveBriefly(stateDir, ledger, ms) {
  const hub = new Hubd(stateDir, false);
  const at = Date.now();
  const ready = hub.start({ ...PLACE, flags: FLAGS }).catch(() => {});
  await delay(ms);
  hub.signal('SIGKILL');
  await hub.exited;
  await ready;
  ledger.lives.push({ at, pid: hub.pid });
  ledger.note('brief life', { pid: hub.pid, ms });
  listen(hub, ledger);
}

/** Looks through what an ended life has logged; keeps it if anything is wrong. */
export function listen(hub, ledger) {
  for (const line of hub.log().split('\n')) {
    if (NEVER.some((pattern) => pattern.test(line))) ledger.wrong('log', hub.pid, line);
  }
  if (ledger.violations.length > 0) ledger.keep(`hubd-${hub.pid}.log`, hub.log());
}
