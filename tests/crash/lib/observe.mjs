// Everything that hubd has to say about itself when a campaign is over: what the checker looks at.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { BUILD } from '../../e2e/lib/hubd.mjs';
import { inParallel } from './client.mjs';

const WIDTH = 8;

async function listAll(client) {
  const ids = [];
  let target = '/v1/jobs?limit=500';
  while (target !== null) {
    const answer = await client.request('GET', target);
    const page = answer.json();
    ids.push(...page.jobs.map((job) => ({ id: job.id, state: job.state, key: job.labels.key })));
    const link = answer.headers.link;
    target = link ? /^<([^>]+)>; rel="next"$/.exec(link)[1] : null;
  }
  return ids;
}

async function getAll(client, ids) {
  const jobs = new Map();
  await inParallel(ids, WIDTH, async (id) => {
    const answer = await client.request('GET', `/v1/jobs/${id}`);
    jobs.set(id, answer.status === 200 ? answer.json() : { missing: answer.status });
  });
  return jobs;
}

/** id → {status, sha256, size} of what is really sent. */
async function readArtifacts(client, ids) {
  const artifacts = new Map();
  await inParallel(ids, WIDTH, async (id) => {
    const answer = await client.request('GET', `/v1/artifacts/${id}`);
    artifacts.set(id, {
      status: answer.status, size: answer.body.length,
      sha256: createHash('sha256').update(answer.body).digest('hex'),
    });
  });
  return artifacts;
}

/** What a running hubd tells. */
export async function observe(client, ledger) {
  const listed = await listAll(client);
  const ids = new Set([...ledger.byId.keys(), ...listed.map((job) => job.id)]);
  const jobs = await getAll(client, ids);
  const outputs = [...jobs.values()].flatMap((job) => job.artifacts ?? []).map((one) => one.id);
  return {
    listed, jobs,
    queues: (await client.json('/v1/queues')).queues,
    artifacts: await readArtifacts(client, new Set([...ledger.artifacts.keys(), ...outputs])),
  };
}

// --- What is on disk, after hubd has ended -------------------------------------------------------

const NOW = 'coalesce(n.state, j.state)';
const JOBS = 'job j LEFT JOIN job_now n ON n.seq = j.seq';
const ENDED = `SELECT j.seq FROM ${JOBS} WHERE ${NOW} > 3`; // terminal states
const COUNTS = `SELECT queue, ${NOW}, count(*) FROM ${JOBS} GROUP BY 1, 2`;
const ZONES = `SELECT j.seq >> 8, count(*), sum(${NOW} < 4) FROM ${JOBS} GROUP BY 1`;
const both = (left, right) => `SELECT * FROM (SELECT 'kept', * FROM (${left} EXCEPT ${right}))
  UNION ALL SELECT * FROM (SELECT 'real', * FROM (${right} EXCEPT ${left}))`;

/** Each gives rows only where something is wrong. */
const INVARIANTS = {
  integrity: "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
  counts: both('SELECT queue, state, count FROM job_count', COUNTS),
  zones: both('SELECT zone, jobs, unfinished FROM job_zone', ZONES),
  waiting: `SELECT child, parent FROM job_after WHERE parent IN (${ENDED}) OR child IN (${ENDED})`,
  held: `SELECT job, artifact FROM job_file WHERE job IN (${ENDED})`,
  strayed: `SELECT 'attempt', key FROM attempt WHERE key >> 20 NOT IN (SELECT seq FROM job)
    UNION ALL SELECT 'now', seq FROM job_now WHERE seq NOT IN (SELECT seq FROM job)
    UNION ALL SELECT 'output', seq FROM artifact WHERE job NOT IN (SELECT seq FROM job)
    UNION ALL SELECT 'file', artifact FROM job_file
      WHERE artifact NOT IN (SELECT seq FROM artifact)`,
};
const BLOBS = 'SELECT DISTINCT lower(hex(sha256)), size FROM artifact';
const STATES = `SELECT ${NOW}, count(*) FROM ${JOBS} GROUP BY 1`;

/** Names the rows of several statements. */
function query(stateDir, statements) {
  const text = execFileSync(path.join(BUILD, 'tests', 'crash', 'crash_store_rows'),
    [path.join(stateDir, 'hubd.db'), ...Object.values(statements)],
    { encoding: 'utf8', maxBuffer: 1 << 30 });
  const answers = Object.keys(statements).map(() => []);
  let at = 0;
  for (const line of text.split('\n').slice(0, -1)) {
    if (line === '--') at++;
    else answers[at].push(line.split('\t'));
  }
  return Object.fromEntries(Object.keys(statements).map((name, index) => [name, answers[index]]));
}

function filesBelow(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(name) : [{ name, size: fs.statSync(name).size }];
  });
}

/** {invariants, states, expected: blobs by rows, found: blobs by files, temporary} */
export function observeDisk(stateDir) {
  const { blobs, states, ...invariants } = query(stateDir,
    { ...INVARIANTS, blobs: BLOBS, states: STATES });
  const root = path.join(stateDir, 'blobs');
  const files = filesBelow(root)
    .map(({ name, size }) => ({ name: path.relative(root, name), size }));
  const blob = ({ name, size }) => `${name.replace('/', '')} ${size}`;
  return {
    invariants,
    states: states.map(([state, count]) => [Number(state), Number(count)]),
    expected: blobs.map(([digest, size]) => `${digest} ${size}`),
    found: files.filter((file) => !file.name.startsWith('tmp/')).map(blob),
    temporary: files.filter((file) => file.name.startsWith('tmp/')).map((file) => file.name),
  };
}

/** Files below blobs/tmp/: empty as long as nothing is being uploaded or stored. */
export function temporaryFiles(stateDir) {
  return fs.readdirSync(path.join(stateDir, 'blobs', 'tmp'));
}
