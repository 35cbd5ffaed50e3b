// What Linux says about processes: CPU time by thread, resident memory; and about the machine.

import { readFileSync, readdirSync } from "node:fs";
import os from "node:os";

const TICK_US = 10_000; // sysconf(_SC_CLK_TCK) is 100 on every Linux that Node runs on

function threadCpu(pid, tid) {
  const dir = `/proc/${pid}/task/${tid}`;
  try {
    // Nanoseconds on a CPU; absent where the kernel keeps no such statistics.
    return Number(readFileSync(`${dir}/schedstat`, "utf8").split(" ")[0]) / 1000;
  } catch {
    const fields = readFileSync(`${dir}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_US;
  }
}

/** CPU time so far in µs by thread name, threads of one name together. */
export function cpuByThread(pid) {
  const times = {};
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    try {
      const name = readFileSync(`/proc/${pid}/task/${tid}/comm`, "utf8").trim();
      times[name] = (times[name] ?? 0) + threadCpu(pid, tid);
    } catch {
      // The thread has ended meanwhile.
    }
  }
  return times;
}

export function cpuOf(pid) {
  return Object.values(cpuByThread(pid)).reduce((sum, us) => sum + us, 0);
}

/** CPU time that all of the machine's processes and its kernel have spent, in µs. */
export function cpuOfAll() {
  const [user, nice, system, , , irq, softirq] = readFileSync("/proc/stat", "utf8")
    .split("\n")[0].trim().split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq) * TICK_US;
}

export const cores = os.cpus().length;

/** Resident memory in bytes. */
export function rssOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)[1]) * 1024;
}

export function childrenOf(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children === "" ? [] : children.split(" ").map(Number);
}

export function describeMachine() {
  const [cpu] = os.cpus();
  return {
    date: new Date().toISOString().slice(0, 16) + "Z",
    kernel: os.release(),
    cpu: `${cores} × ${cpu.model}`,
    load: os.loadavg()[0],
    node: process.version,
  };
}
