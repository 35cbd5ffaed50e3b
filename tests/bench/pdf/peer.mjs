// One library, one document, many times, in a process of its own:
//
//     node peer.mjs pdfmake|pdfkit DOCUMENT COUNT OUTPUT.pdf   →  {"cpu_ms", "peak_kib", "bytes"}

import fs from "node:fs";
import { createRequire } from "node:module";
import { DOCUMENTS, FONTS, logo } from "./documents.mjs";

const require = createRequire(import.meta.url);
const [library, name, count, output] = process.argv.slice(2);
const picture = logo();

const collect = (stream) => new Promise((resolve, reject) => {
  const parts = [];
  stream.on("data", (part) => parts.push(part));
  stream.on("end", () => resolve(Buffer.concat(parts)));
  stream.on("error", reject);
});

const BASE14 = { Helvetica: { normal: "Helvetica", bold: "Helvetica-Bold" } };

function makePdfmake() {
  const pdfmake = require("pdfmake");
  pdfmake.setFonts({ ...FONTS, ...BASE14 });
  pdfmake.setLocalAccessPolicy?.(() => true);
  const url = `data:image/png;base64,${picture.toString("base64")}`;
  return async () => {
    const definition = DOCUMENTS[name].definition();
    if (DOCUMENTS[name].logo) definition.images = { logo: url };
    return pdfmake.createPdf(definition).getBuffer();
  };
}

/** The same text in the same places, near enough: pdfkit leaves layout to its user. */
function makePdfkit() {
  const PDFDocument = require("pdfkit");
  return async () => {
    const definition = DOCUMENTS[name].definition();
    const doc = new PDFDocument({ size: "A4", margin: 50 });
    const done = collect(doc);
    drawNodes(doc, definition);
    doc.end();
    return done;
  };
}

function fontOf(node, style) {
  const family = node.font ?? style.font;
  const bold = node.bold ?? style.bold;
  return (FONTS[family] ?? BASE14[family])[bold && family !== "Droid" ? "bold" : "normal"];
}

function drawText(doc, node, style, x, width) {
  const own = typeof node === "object" ? node : { text: node };
  doc.font(fontOf(own, style)).fontSize(own.fontSize ?? style.fontSize);
  doc.text(own.text, x, doc.y, { width, align: own.alignment ?? "left" });
}

function drawTable(doc, table, style) {
  const widths = table.widths.map((width) => (typeof width === "number" ? width : 0));
  const stars = table.widths.filter((width) => width === "*").length;
  const rest = (495 - widths.reduce((a, b) => a + b, 0)) / stars;
  const draw = (row) => {
    const top = doc.y;
    let x = 50;
    let bottom = top;
    row.forEach((cell, i) => {
      doc.y = top;
      drawText(doc, cell, style, x, widths[i] || rest);
      bottom = Math.max(bottom, doc.y);
      x += widths[i] || rest;
    });
    doc.moveTo(50, bottom + 3).lineTo(545, bottom + 3).lineWidth(0.5).stroke();
    doc.y = bottom + 6;
  };
  for (const row of table.body) {
    if (doc.y > 760) {
      doc.addPage();
      draw(table.body[0]);
    }
    draw(row);
  }
}

function drawNodes(doc, { content, defaultStyle: style }) {
  for (const node of content) {
    if (node.image) doc.image(picture, 50, doc.y, { width: node.width });
    else if (node.table) drawTable(doc, node.table, style);
    else if (node.columns) {
      const top = doc.y;
      node.columns.forEach((column, i) => {
        doc.y = top;
        for (const line of column.stack) drawText(doc, line, style, 50 + i * 250, 245);
      });
    } else drawText(doc, node, style, 50, 495);
  }
}

const make = library === "pdfmake" ? makePdfmake() : makePdfkit();
const first = await make();
fs.writeFileSync(output, first);
for (let i = 0; i < Math.min(3, Number(count)); i++) await make(); // let the compiler get warm
const before = process.cpuUsage();
for (let i = 0; i < Number(count); i++) await make();
const spent = process.cpuUsage(before);
console.log(JSON.stringify({
  cpu_ms: (spent.user + spent.system) / 1000 / Number(count),
  peak_kib: process.resourceUsage().maxRSS,
  bytes: first.length,
}));
