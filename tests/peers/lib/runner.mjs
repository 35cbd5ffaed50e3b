import fs from 'node:fs';

/** The process that hubd has started and that has loaded this library; NaN if there is none. */
export function runnerOf({ pid }, library) {
  const has = (one) => {
    try {
      return fs.readFileSync(`/proc/${one}/status`, 'utf8').includes(`PPid:\t${pid}\n`) &&
        fs.readFileSync(`/proc/${one}/maps`, 'utf8').includes(library);
    } catch {
      return false; // it has ended meanwhile
    }
  };
  return Number(fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).find(has));
}
