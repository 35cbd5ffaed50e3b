// Looking for a secret where it must not be: files, arguments and environments, memory.
//
//     const secret = canary('api');
//     assert.deepEqual(inMemory(hub.pid, secret), []);
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** A text that nothing else holds. */
export const canary = (what) => `cnry${what}${crypto.randomBytes(12).toString('hex')}`;

/** The forms in which a text might lie around, as bytes. */
function formsOf(text) {
  const forms = [Buffer.from(text), Buffer.from(Buffer.from(text).toString('hex')),
    Buffer.from(text, 'utf16le')];
  for (let shift = 0; shift < 3; shift++) { /* base64, at each place in a longer text */
    const encoded = Buffer.from('x'.repeat(shift) + text).toString('base64');
    forms.push(Buffer.from(encoded.slice(shift === 0 ? 0 : shift + 1, -4)));
  }
  return forms;
}
export const holds = (bytes, text) => formsOf(text).some((form) => bytes.includes(form));

/** Files below a folder that hold it. */
export function inFiles(folder, text) {
  return fs.readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => holds(fs.readFileSync(file), text));
}

/** Processes whose arguments or environment hold it. */
export function inProcesses(text) {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) =>
    ['cmdline', 'environ'].map((file) => `/proc/${pid}/${file}`)).filter((file) => {
    try {
      return holds(fs.readFileSync(file), text);
    } catch {
      return false; /* it ended, or is somebody else's */
    }
  });
}

/** Hits in what a process could be made to dump. */
export function inMemory(pid, text) {
  const memory = fs.openSync(`/proc/${pid}/mem`, 'r');
  const hits = [];
  for (const line of fs.readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from, to, rights] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
    if (!rights?.startsWith('rw')) continue;
    const start = Number.parseInt(from, 16);
    const bytes = Buffer.alloc(Number.parseInt(to, 16) - start);
    try {
      fs.readSync(memory, bytes, 0, bytes.length, start);
    } catch {
      continue; /* a hole */
    }
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) hits.push(line);
  }
  fs.closeSync(memory);
  return hits;
}
