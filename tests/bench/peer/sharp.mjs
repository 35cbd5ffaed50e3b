// One piece of work through sharp, as often as told: node sharp.mjs TASK FOLDER REPEAT.
// Prints {cpu_ms, peak_bytes}; the results are in FOLDER as sharp-*.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import sharp from "sharp";

const [task, folder, repeat] = process.argv.slice(2);
const read = (name) => readFileSync(path.join(folder, name));

/** Each returns its results by the ending of their names. */
const TASKS = {
  jpeg: async (input) => ({ jpg: await sharp(input).resize(800).jpeg().toBuffer() }),
  webp: async (input) => ({ webp: await sharp(input).resize(200, 200).webp().toBuffer() }),
  png: async (input) => ({ png: await sharp(input).resize(1000, 1000).png().toBuffer() }),
  turned: async (input) => ({ jpg: await sharp(input).rotate().resize(800).jpeg().toBuffer() }),
  watermark: async (input) => {
    const text = { text: { text: '<span foreground="white">© Example Pictures 2026</span>',
      font: "DejaVu Sans", dpi: 144, rgba: true } };
    return { jpg: await sharp(input).resize(1600).composite([
      { input: logo, gravity: "southeast" },
      { input: text, gravity: "southwest" },
    ]).jpeg().toBuffer() };
  },
  avif: async (input) => ({ avif: await sharp(input).resize(800).avif().toBuffer() }),
  outputs: async (input) => {
    const widths = [1600, 1200, 800, 400, 200];
    const whole = sharp(input);
    return Object.fromEntries(await Promise.all(widths.map(async (width) =>
      [`${width}.jpg`, await whole.clone().resize(width).jpeg().toBuffer()])));
  },
  animation: async (input) => ({ webp: await sharp(input, { animated: true }).webp().toBuffer() }),
};

const { input: name } = JSON.parse(readFileSync(path.join(folder, "tasks.json"), "utf8"))[task];
const logo = read("logo.png");
const input = read(name);
await TASKS[task](input); // what is loaded and compiled once is not counted
const before = process.cpuUsage();
let results;
for (let i = 0; i < Number(repeat); i++) {
  results = await TASKS[task](input);
}
const { user, system } = process.cpuUsage(before);
for (const [end, bytes] of Object.entries(results)) {
  writeFileSync(path.join(folder, `sharp-${task}.${end}`), bytes);
}
// Not resourceUsage(): it would tell that of the program that started this one too.
const peak = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))[1]);
console.log(JSON.stringify({ cpu_ms: (user + system) / 1000 / Number(repeat),
  peak_bytes: peak * 1024 }));
