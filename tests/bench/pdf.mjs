// pdf.render beside pdfmake and pdfkit: CPU time a document, size of the file, peak memory.
//
//     node pdf.mjs [--build ../../build] [--quick]
//
// Each library is a process of its own and makes the same document again and again, as a service
// does: what it caches between documents counts for it.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { DOCUMENTS, FONTS, logo, snake } from "./pdf/documents.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const option = (name, otherwise) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const quick = process.argv.includes("--quick");
const build = path.resolve(option("--build", path.join(here, "../../build")));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hubd-bench-pdf-"));

const FAMILIES = { DejaVu: "DejaVu Sans", Droid: "Droid Sans Fallback" };

function forHubd(document) {
  const definition = snake(document.definition());
  if (document.logo) {
    const file = path.join(folder, "logo.png");
    fs.writeFileSync(file, logo());
    definition.images = { logo: { path: file } };
  }
  return JSON.stringify(definition, (name, value) =>
    (name === "font" ? FAMILIES[value] ?? value : value));
}

function hubd(name, count) {
  const input = path.join(folder, "input.json");
  const output = path.join(folder, `${name.replaceAll(/\W+/g, "-")}-hubd.pdf`);
  fs.writeFileSync(input, forHubd(DOCUMENTS[name]));
  const tool = path.join(build, "connectors/pdf/pdf_render");
  const result = path.join(folder, "result");
  execFileSync("sh", ["-c", '"$0" "$1" "$2" "$3" 2> "$4"', tool, input, output, String(count), result]);
  return { ...JSON.parse(fs.readFileSync(result, "utf8")), bytes: fs.statSync(output).size };
}

function peer(library, name, count) {
  const output = path.join(folder, `${name.replaceAll(/\W+/g, "-")}-${library}.pdf`);
  return JSON.parse(execFileSync(process.execPath,
    [path.join(here, "pdf/peer.mjs"), library, name, String(count), output],
    { maxBuffer: 1 << 24, stdio: ["ignore", "pipe", "ignore"] }));
}

const AIMS = { "base-14 invoice": 6, "UTF-8 invoice": 3, "2,000-row report": 8 };

console.log("| document | | CPU ms | file KB | peak MB |\n|---|---|--:|--:|--:|");
let missed = 0;
for (const name of Object.keys(DOCUMENTS)) {
  const large = name.includes("report");
  const rows = {
    hubd: hubd(name, quick ? (large ? 3 : 20) : (large ? 20 : 300)),
    pdfmake: peer("pdfmake", name, quick ? (large ? 1 : 3) : (large ? 5 : 40)),
    pdfkit: peer("pdfkit", name, quick ? (large ? 1 : 3) : (large ? 5 : 40)),
  };
  for (const [library, row] of Object.entries(rows)) {
    console.log(`| ${name} | ${library} | ${row.cpu_ms.toFixed(2)} | ${(row.bytes / 1000).toFixed(1)}` +
      ` | ${(row.peak_kib / 1024).toFixed(0)} |`);
  }
  const speed = rows.pdfmake.cpu_ms / rows.hubd.cpu_ms;
  const size = rows.hubd.bytes / rows.pdfkit.bytes;
  const memory = rows.hubd.peak_kib / rows.pdfmake.peak_kib;
  const met = speed >= AIMS[name] && size <= 1.3 && memory <= 0.2;
  missed += met ? 0 : 1;
  console.log(`| | ${met ? "met" : "MISSED"} | ${speed.toFixed(1)} × (aim ${AIMS[name]})` +
    ` | ${size.toFixed(2)} × pdfkit's (1.3) | ${memory.toFixed(2)} × (0.2) |`);
}
if (process.argv.includes("--keep")) console.error(folder);
else fs.rmSync(folder, { recursive: true });
process.exitCode = missed ? 1 : 0;
