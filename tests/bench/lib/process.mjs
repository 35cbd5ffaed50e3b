// Programs that the benchmark starts: until ready, and ended for certain.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const STOP_MS = 10_000;
const running = new Set();

process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]]) {
  process.on(signal, () => process.exit(code));
}

/**
 * Starts a program and waits for the line of its output that matches `ready`; returns its process
 * and the match. What it says on stderr is shown if it does not get ready.
 */
export function start(command, args, ready, options = {}) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return new Promise((resolve, reject) => {
    let seen = "";
    let complaints = "";
    const look = (chunk) => {
      seen = (seen + chunk).slice(-8192);
      const match = ready.exec(seen);
      if (match) {
        resolve({ child, match });
      }
    };
    child.stdout.on("data", look);
    child.stderr.on("data", (chunk) => (complaints = (complaints + chunk).slice(-8192)));
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      reject(new Error(`${command} ended (${signal ?? code}) before it was ready\n${complaints}`)));
  });
}

export async function stop(child) {
  if (!running.has(child)) {
    return;
  }
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  child.kill("SIGTERM");
  await ended;
  clearTimeout(timer);
}

/** Runs a program to its end and returns what it printed. */
export function run(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  running.add(child);
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      running.delete(child);
      if (code === 0) {
        resolve({ output, pid: child.pid });
      } else {
        reject(new Error(`${command} ended with ${signal ?? code}\n${output}`));
      }
    });
  });
}

/** A folder that is gone afterwards. On the disk that TMPDIR names: its fsync is what is measured. */
export function makeFolder() {
  const dir = mkdtempSync(path.join(os.tmpdir(), "hubd-bench-"));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  process.once("exit", remove);
  return { dir, remove: () => (process.removeListener("exit", remove), remove()) };
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
