// The documents of the benchmark, as pdfmake takes them. hubd's are the same in snake_case; for
// pdfkit, which lays nothing out, draw() places the same text by hand.

import zlib from "node:zlib";

export const FONTS = {
  DejaVu: {
    normal: "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    bold: "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
  },
  Droid: { normal: "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf" },
};

/** A PNG with transparency: a disc with a soft rim on nothing. */
export function logo(width = 240, height = 80) {
  const rows = Buffer.alloc((width * 4 + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * (width * 4 + 1) + 1 + x * 4;
      const distance = Math.hypot(x - 40, y - 40);
      rows[at] = 30 + y;
      rows[at + 1] = 90;
      rows[at + 2] = 160 + (x % 60);
      rows[at + 3] = Math.max(0, Math.min(255, (38 - distance) * 40)) || (x > 90 && y > 30 && y < 50 ? 255 : 0);
    }
  }
  const chunk = (type, data) => {
    const out = Buffer.alloc(12 + data.length);
    out.writeUInt32BE(data.length, 0);
    out.write(type, 4, "latin1");
    data.copy(out, 8);
    out.writeUInt32BE(crc(out.subarray(4, 8 + data.length)), 8 + data.length);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head),
    chunk("IDAT", zlib.deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

function crc(bytes) {
  let value = ~0;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}

const money = (cents) => (cents / 100).toLocaleString("en", { minimumFractionDigits: 2 });
const right = (text, more = {}) => ({ text, alignment: "right", ...more });

function invoice(font, words, extra) {
  const items = Array.from({ length: 12 }, (_, i) => ({
    name: words[i % words.length], count: i + 1, cents: 1250 * (i + 3) }));
  const total = items.reduce((sum, item) => sum + item.count * item.cents, 0);
  return {
    pageSize: "A4",
    pageMargins: [50, 60, 50, 60],
    info: { title: "Invoice 2026-0417" },
    defaultStyle: { font, fontSize: 10 },
    styles: { title: { fontSize: 22, bold: true, margin: [0, 10, 0, 16] }, head: { bold: true } },
    content: [
      ...extra,
      { columns: [
        { stack: [{ text: "Example Company Ltd.", bold: true }, "12 Market Street", "10115 Berlin"] },
        { stack: [right("Invoice 2026-0417"), right("Date: 2026-11-23"), right("Due: 2026-12-07")] },
      ] },
      { text: "Invoice", style: "title" },
      { text: "Thank you for your order. We invoice the following goods and services, delivered " +
        "in November. Please pay without deduction within fourteen days.", margin: [0, 0, 0, 12] },
      { layout: "lightHorizontalLines",
        table: { headerRows: 1, widths: ["*", 50, 70, 80], body: [
          [{ text: "Description", style: "head" }, right("Count", { style: "head" }),
            right("Price", { style: "head" }), right("Amount", { style: "head" })],
          ...items.map((item) => [item.name, right(String(item.count)), right(money(item.cents)),
            right(money(item.count * item.cents))]),
          [{ text: "Total", bold: true }, "", "", right(`EUR ${money(total)}`, { bold: true })],
        ] } },
      { text: "Bank: IBAN DE89 3704 0044 0532 0130 00 · BIC COBADEFFXXX", margin: [0, 24, 0, 0],
        fontSize: 8 },
    ],
  };
}

const LATIN = ["Web hosting, one month", "Domain name", "Support, hours", "Consulting",
  "Storage, 100 GB", "Backup service"];
const WORLD = ["Straßenkarte, größere Ausgabe", "Ελληνικός οδηγός ταξιδιού", "Русская книга рецептов",
  "Žluťoučký kůň úpěl ďábelské ódy", "Façade – éditions spéciales", "Łódź: przewodnik"];

function report() {
  const cell = (i, n) => `${["Alpha", "Beta", "Gamma", "Delta"][(i + n) % 4]} ${(i * 37 + n * 11) % 997}`;
  return {
    pageSize: "A4",
    pageMargins: 40,
    defaultStyle: { font: "DejaVu", fontSize: 8 },
    content: [
      { text: "Report", fontSize: 18, bold: true, margin: [0, 0, 0, 12] },
      { table: { headerRows: 1, widths: [40, "*", "*", "*", 60, 60], body: [
        ["No.", "Name", "Place", "Kind", "Count", "Amount"].map((text) => ({ text, bold: true })),
        ...Array.from({ length: 2000 }, (_, i) => [String(i + 1), cell(i, 1), cell(i, 2), cell(i, 3),
          right(String((i * 7) % 100)), right(money(i * 1313))]),
      ] } },
    ],
  };
}

export const DOCUMENTS = {
  "base-14 invoice": { definition: () => invoice("Helvetica", LATIN, []) },
  "UTF-8 invoice": {
    definition: () => invoice("DejaVu", WORLD, [
      { image: "logo", width: 120, margin: [0, 0, 0, 10] },
      { text: "東京都千代田区 株式会社見本 請求書 中文发票 样本公司", font: "Droid", margin: [0, 0, 0, 10] },
    ]),
    logo: true,
  },
  "2,000-row report": { definition: report },
};

const CAMEL = /[A-Z]/g;
const VALUES = { lightHorizontalLines: "light_horizontal_lines" };

/** A pdfmake definition as hubd's: names in snake_case, fonts by their families' names. */
export function snake(value) {
  if (Array.isArray(value)) return value.map(snake);
  if (typeof value === "string") return VALUES[value] ?? value;
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) =>
    [name.replace(CAMEL, (letter) => `_${letter.toLowerCase()}`), snake(member)]));
}
