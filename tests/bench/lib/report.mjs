// The figures as a table that people read, with what they say about the aims.

const number = (value, digits = 0) => value === undefined || value === null ? "–"
  : value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const mebibytes = (bytes) => number(bytes / 1048576, 1);
const times = (ratio) => Number.isFinite(ratio) ? `${number(ratio, 1)} ×` : "–";

export function table(header, rows) {
  const lines = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const text = lines.map((line) => line.map((cell, column) =>
    column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join("  "));
  text.splice(1, 0, widths.map((width) => "─".repeat(width)).join("  "));
  return text.join("\n");
}

const clients = (count) => count === 1 ? "1 connection" : `${number(count)} connections`;

function throughput(figures, what, field) {
  return figures.load.filter((row) => row.what === what).map(({ connections, hubd, peer }) => [
    `${field === "posts" ? "durable POST/s" : "processed jobs/s"}, ${clients(connections)}`,
    number(hubd[field]), number(peer[field]), times(hubd[field] / peer[field])]);
}

function latencies(figures) {
  return [["wait", "POST → answer with the finished job"], ["watch", "POST → event of the finished job"]]
    .flatMap(([kind, title]) => ["p50_ms", "p99_ms"].map((field) => {
      const { hubd, peer } = figures[kind];
      return [`${title}, ${field.slice(0, 3)} ms`, number(hubd[field], 2), number(peer[field], 2),
        times(peer[field] / hubd[field])];
    }));
}

function memory({ hubd, peer }) {
  const row = (title, field) => [title, mebibytes(hubd[field]), mebibytes(peer[field]),
    times(peer[field] / hubd[field])];
  return [row("RSS at rest, MiB", "idle_bytes"), row("RSS after load, MiB", "worked_bytes"),
    row("RSS per 1,000 idle connections, MiB", "per_thousand")];
}

function cpu(figures) {
  return figures.load.map(({ what, connections, hubd, peer }) => {
    const show = (parts) => Object.entries(parts)
      .map(([part, us]) => `${part} ${number(us, 1)}`).join(", ");
    return `  ${what}, ${clients(connections)}\n    hubd: ${show(hubd.cpu_us)}\n` +
      `    peer: ${show(peer.cpu_us)}`;
  }).join("\n");
}

/** The aims: what was reached, in words. */
function verdicts(figures) {
  const at = (what) => figures.load.find((row) => row.what === what && row.connections === 64);
  const posts = at("accept").hubd.posts;
  const { hubd, peer } = at("process");
  const { wait, watch, memory: { hubd: { idle_bytes: idle } } } = figures;
  const aims = [
    ["≥ 40,000 durable POST/s at 64 connections", posts >= 40_000, number(posts)],
    ["≥ 30,000 processed jobs/s at 64 connections", hubd.processed >= 30_000,
      number(hubd.processed)],
    ["≥ 4 × the peer's processed jobs/s", hubd.processed >= 4 * peer.processed,
      times(hubd.processed / peer.processed)],
    ...[["Prefer: wait", wait], ["events", watch]].flatMap(([way, { hubd: { p50_ms, p99_ms } }]) => [
      [`enqueue → done, ${way}: p50 ≤ 0.6 ms`, p50_ms <= 0.6, number(p50_ms, 2)],
      [`enqueue → done, ${way}: p99 ≤ 2 ms`, p99_ms <= 2, number(p99_ms, 2)],
    ]),
    ["RSS of hubd at rest ≤ 12 MB", idle <= 12e6, `${number(idle / 1e6, 1)} MB`],
  ];
  return aims.map(([aim, reached, value]) => `${reached ? "reached" : "MISSED "}  ${aim}: ${value}`)
    .join("\n");
}

const noise = ({ load }) => Math.max(...load.flatMap(({ hubd, peer }) => [hubd.others, peer.others]));

export function render(figures) {
  const { machine } = figures;
  return [
    `${machine.date}, Linux ${machine.kernel}, ${machine.cpu}, Node ${machine.node}, ` +
      `load ${number(machine.load, 2)} before; the client runs on the same cores`,
    `other programs and the kernel's own threads took up to ${number(noise(figures) * 100)} % of the ` +
      "CPU meanwhile",
    "",
    table(["", "hubd", "fastify + BullMQ + Redis", "ratio"], [
      ...throughput(figures, "accept", "posts"),
      ...throughput(figures, "process", "processed"),
      ...latencies(figures),
      ...memory(figures.memory),
    ]),
    "",
    "CPU µs a job",
    cpu(figures),
    "",
    verdicts(figures),
  ].join("\n");
}
