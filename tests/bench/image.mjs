// The image connector against sharp: the same work in the same run.
//
//   node tests/bench/image.mjs [--quick] [--build DIR] [--rounds N] [--only TASK] [--json FILE]
//
// See README.md. Needs ImageMagick, which judges both, and npm, which fetches sharp.

import { execFileSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine } from "./lib/machine.mjs";
import { makeFolder, run } from "./lib/process.mjs";
import { table } from "./lib/report.mjs";
import { ssim } from "./lib/ssim.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const EXIT_SKIPPED = 77; // ctest's SKIP_RETURN_CODE
const PHOTO = "/usr/share/backgrounds/mate/abstract/Elephants_5640x3172.jpg"; // mate-backgrounds

const logo = { image: { data: "" }, position: "southeast" };
const text = { text: "© Example Pictures 2026", size: 24, position: "southwest" };

/**
 * input: the file; hub: what image.transform is asked for; files: more of them, by JSON Pointer;
 * reference: what ImageMagick makes of it, to judge both by; aim: CPU as a part of sharp's.
 */
const TASKS = {
  jpeg: { title: "24 MP JPEG → 800 px JPEG", input: "24mp.jpg", aim: 0.95,
    hub: { width: 800, format: "jpeg" }, end: "jpg", reference: ["-resize", "800x"] },
  webp: { title: "24 MP JPEG → 200² WebP", input: "24mp.jpg", aim: 0.95,
    hub: { width: 200, height: 200, format: "webp" }, end: "webp",
    reference: ["-resize", "200x200^", "-gravity", "center", "-extent", "200x200"] },
  png: { title: "4 MP RGBA PNG → ½ PNG", input: "4mp.png", aim: 0.8,
    hub: { width: 1000, height: 1000, format: "png" }, end: "png", reference: ["-resize", "1000x"] },
  turned: { title: "12 MP JPEG, EXIF-rotated → 800 px", input: "turned.jpg", aim: 0.95,
    hub: { width: 800, format: "jpeg" }, end: "jpg", reference: ["-auto-orient", "-resize", "800x"] },
  watermark: { title: "logo + text at 1600 px", input: "12mp.jpg", aim: 0.75,
    hub: { width: 1600, format: "jpeg", watermark: [logo, text] }, end: "jpg",
    files: { "/watermark/0/image": "logo.png" } },
  avif: { title: "24 MP JPEG → 800 px AVIF", input: "24mp.jpg", aim: 0.3,
    hub: { width: 800, format: "avif" }, end: "avif", reference: ["-resize", "800x"] },
  outputs: { title: "24 MP JPEG → 5 JPEGs", input: "24mp.jpg", aim: 0.95,
    hub: { format: "jpeg",
      outputs: [1600, 1200, 800, 400, 200].map((width) => ({ width, name: `o${width}.jpg` })) },
    end: "1600.jpg", hubName: "o1600.jpg", reference: ["-resize", "1600x"] },
  animation: { title: "GIF of 20 frames → WebP", input: "animation.gif", aim: 0.95,
    hub: { animated: true, format: "webp" }, end: "webp" },
};

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      build: { type: "string", default: process.env.HUBD_BUILD ?? path.join(HERE, "../../build") },
      rounds: { type: "string" },
      only: { type: "string" },
      json: { type: "string" },
    },
  });
  return { ...values, build: path.resolve(values.build),
    rounds: Number(values.rounds ?? (values.quick ? 1 : 3)), repeat: values.quick ? 2 : 5 };
}

function findTools({ build }) {
  const skip = (why) => (console.error(why), process.exit(EXIT_SKIPPED));
  if (!existsSync(PHOTO)) skip("missing: the photographs (apt install mate-backgrounds)");
  if (!existsSync(path.join(build, "connectors/image/image_run"))) {
    throw new Error(`no image_run in ${build}: build it (Release), or name its folder by --build`);
  }
  if (!existsSync(path.join(HERE, "node_modules/sharp"))) {
    try {
      execFileSync("npm", ["install", "--no-save", "--no-audit", "--no-fund"],
        { cwd: HERE, stdio: "inherit" });
    } catch {
      skip("npm could not fetch sharp");
    }
  }
}

const convert = (...args) => execFileSync("convert", args, { stdio: ["ignore", "pipe", "pipe"] });

/** The inputs, made of one photograph. */
async function makeInputs(dir) {
  const at = (name) => path.join(dir, name);
  const { default: sharp } = await import("sharp");
  await sharp(PHOTO).resize(6000, 4000).jpeg({ quality: 90 }).toFile(at("24mp.jpg"));
  await sharp(PHOTO).resize(4000, 3000).jpeg({ quality: 90 }).toFile(at("12mp.jpg"));
  await sharp(PHOTO).resize(4000, 3000).withMetadata({ orientation: 6 }).jpeg({ quality: 90 })
    .toFile(at("turned.jpg"));
  const mask = await sharp({ create: { width: 2000, height: 2000, channels: 4, background: "#0000" } })
    .composite([{ input: Buffer.from('<svg width="2000" height="2000"><circle cx="1000" cy="1000" ' +
      'r="900" fill="#fff"/></svg>') }]).blur(40).extractChannel(3).png().toBuffer();
  await sharp(PHOTO).resize(2000, 2000).joinChannel(mask).png().toFile(at("4mp.png"));
  await sharp(Buffer.from('<svg width="320" height="120"><rect rx="30" width="320" height="120" ' +
    'fill="#2a6" fill-opacity="0.8"/><circle cx="60" cy="60" r="40" fill="#fff"/></svg>'))
    .png().toFile(at("logo.png"));
  const frames = Array.from({ length: 20 }, (_, i) =>
    ["(", at("12mp.jpg"), "-resize", "600x450!", "-crop", `480x320+${i * 6}+${i * 5}`, "+repage", ")"]);
  convert("-delay", "8", "-loop", "0", ...frames.flat(), at("animation.gif"));
  writeFileSync(at("tasks.json"), JSON.stringify(TASKS));
}

async function runHub(name, { build, repeat }, dir) {
  const { input, hub, files = {} } = TASKS[name];
  const more = Object.entries(files).map(([pointer, file]) => `${pointer}=${path.join(dir, file)}`);
  const { output } = await run(path.join(build, "connectors/image/image_run"),
    [path.join(build, "connectors/image.so"), "transform",
      JSON.stringify({ name: `hub-${name}.out`, ...hub }), path.join(dir, input), dir,
      String(repeat), ...more]);
  const [, cpu, peak] = /cpu ([\d.]+) ms, peak (\d+) MB/.exec(output);
  return { cpu_ms: Number(cpu), peak_bytes: Number(peak) * 1048576 };
}

async function runSharp(name, { repeat }, dir) {
  const { output } = await run(process.execPath,
    [path.join(HERE, "peer/sharp.mjs"), name, dir, String(repeat)]);
  return JSON.parse(output);
}

/** Lightness of a file, for ssim(). */
async function lightness(file) {
  const { default: sharp } = await import("sharp");
  const { data, info } = await sharp(file).removeAlpha().greyscale().raw()
    .toBuffer({ resolveWithObject: true });
  return { data, ...info };
}

async function judge(name, dir) {
  const { input, reference, end, hubName } = TASKS[name];
  const files = { hub: path.join(dir, hubName ?? `hub-${name}.out`),
    sharp: path.join(dir, `sharp-${name}.${end}`) };
  const result = { hub: { size: statSync(files.hub).size }, sharp: { size: statSync(files.sharp).size } };
  if (reference) {
    const ideal = path.join(dir, `${name}-reference.png`);
    convert(path.join(dir, input), "-filter", "Lanczos", ...reference, "-background", "black",
      "-alpha", "remove", ideal);
    for (const [who, file] of Object.entries(files)) {
      const plain = path.join(dir, `${name}-${who}.png`);
      convert(file, "-background", "black", "-alpha", "remove", plain);
      result[who].ssim = ssim(await lightness(ideal), await lightness(plain));
    }
  }
  return result;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function measure(name, options, dir) {
  const rounds = { hub: [], sharp: [] };
  for (let round = 0; round < options.rounds; round++) {
    rounds.hub.push(await runHub(name, options, dir));
    rounds.sharp.push(await runSharp(name, options, dir));
  }
  const judged = await judge(name, dir);
  const sum = (who) => ({ cpu_ms: median(rounds[who].map((one) => one.cpu_ms)),
    peak_bytes: median(rounds[who].map((one) => one.peak_bytes)), ...judged[who] });
  return { name, title: TASKS[name].title, aim: TASKS[name].aim, hub: sum("hub"), sharp: sum("sharp") };
}

const fixed = (value, digits) => value === undefined ? "–" : value.toFixed(digits);

function render(rows) {
  const cells = rows.map(({ title, aim, hub, sharp }) => {
    const cpu = hub.cpu_ms / sharp.cpu_ms;
    const peak = hub.peak_bytes / sharp.peak_bytes;
    return [title, fixed(hub.cpu_ms, 1), fixed(sharp.cpu_ms, 1), fixed(cpu, 2), `≤ ${aim}`,
      cpu <= aim ? "" : "MISSED", fixed(hub.peak_bytes / 1048576, 0),
      fixed(sharp.peak_bytes / 1048576, 0), fixed(peak, 2), peak <= 0.5 ? "" : "MISSED",
      fixed(hub.ssim, 4), fixed(sharp.ssim, 4), fixed(hub.size / 1024, 1),
      fixed(sharp.size / 1024, 1)];
  });
  return table(["", "CPU ms", "sharp", "ratio", "aim", "", "peak MiB", "sharp", "ratio", "", "SSIM",
    "sharp", "KiB", "sharp"], cells);
}

const options = readOptions();
findTools(options);
const folder = makeFolder();
await makeInputs(folder.dir);
const figures = { machine: describeMachine(), tasks: [] };
for (const name of options.only ? [options.only] : Object.keys(TASKS)) {
  process.stderr.write(`${TASKS[name].title}\n`);
  figures.tasks.push(await measure(name, options, folder.dir));
}
console.log(`${figures.machine.date}, ${figures.machine.cpu}, load ${figures.machine.load.toFixed(2)} before`);
console.log(render(figures.tasks));
if (options.json) {
  writeFileSync(options.json, `${JSON.stringify(figures, null, 2)}\n`);
}
folder.remove();
