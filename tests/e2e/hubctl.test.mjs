// hubctl against a real hubd: as an operator types it, and as a script reads it.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { HUBCTL, hubctl } from './lib/hubctl.mjs';
import { runProgram, startHubd, tempFolder, until } from './lib/hubd.mjs';

const hub = await startHubd({ flags: { retry_base_ms: 5, retry_cap_ms: 20 } });
after(() => hub.stop());
const ctl = hubctl({ HUBD_SOCKET: hub.socket });

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const NOWHERE = '01900000-0000-7000-8000-000000000000';
// eslint-disable-next-line no-control-regex
const ESCAPE = /\x1b/;

/** The error object that --json puts on stderr. */
const errorOf = (end) => JSON.parse(end.stderr.trim().split('\n').at(-1));

test('run prints the id and the state, and with --quiet the id alone', async () => {
  const end = await ctl('run', 'noop.run');
  assert.equal(end.code, 0, end.stderr);
  assert.match(end.stdout, /^[0-9a-f-]{36} {2}(queued|running|succeeded)\n$/);
  assert.equal(end.stderr, '');
  const quiet = await ctl('run', '-q', 'noop.run');
  assert.match(quiet.stdout.trim(), UUID);
});

test('every option of run reaches the job', async () => {
  const before = (await ctl.json('run', 'noop.run'))[0];
  const [job] = await ctl.json('run', 'noop.run', '--input', '{"a":{"b":1}}', '--set', 'a.c=[2]',
    '-s', 'text=hello', '--queue', 'mail', '--priority', '-7', '--run-at', '+1h', '--expires-at',
    '2038-01-19T03:14:07Z', '--timeout', '1m30s', '--max-attempts', '3', '-l', 'team=crm',
    '--label', 'note=a=b', '--after', before.id);
  assert.deepEqual(job.input, { a: { b: 1, c: [2] }, text: 'hello' });
  assert.equal(job.queue, 'mail');
  assert.equal(job.priority, -7);
  assert.equal(job.timeout_ms, 90_000);
  assert.equal(job.max_attempts, 3);
  assert.deepEqual(job.labels, { team: 'crm', note: 'a=b' });
  assert.deepEqual(job.after, [before.id]);
  assert.equal(job.expires_at, '2038-01-19T03:14:07.000Z');
  assert.ok(Math.abs(Date.parse(job.run_at) - Date.now() - 3_600_000) < 60_000);
  assert.equal((await ctl('cancel', job.id)).code, 0);
});

test('input comes from a file and from stdin', async () => {
  const file = path.join(tempFolder(), 'input.json');
  fs.writeFileSync(file, '{"from": "a file"}');
  const [one] = await ctl.json('run', 'noop.run', '--input', `@${file}`);
  assert.deepEqual(one.input, { from: 'a file' });
  const [two] = await ctl.json('run', 'noop.run', '-i', '-', { input: '{"from":"stdin"}' });
  assert.deepEqual(two.input, { from: 'stdin' });
});

test('the same idempotency key makes one job', async () => {
  const [one] = await ctl.json('run', 'noop.run', '--idempotency-key', 'order-1');
  const [two] = await ctl.json('run', 'noop.run', '--idempotency-key', 'order-1');
  assert.equal(two.id, one.id);
  const other = await ctl('run', 'noop.run', '-s', 'x=1', '--idempotency-key', 'order-1', '--json');
  assert.equal(other.code, 3);
  assert.equal(errorOf(other).code, 'idempotency_mismatch');
});

test('--wait tells by words and by the exit code how it ended', async () => {
  const good = await ctl('run', 'probe.run', '-s', 'do=succeed', '-s', 'result={"n":1}', '--wait');
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /^✓ probe\.run succeeded in .* {2}[0-9a-f-]{36}\n/);
  assert.match(good.stdout, /\nResult\n {2}\{\n {4}"n": 1\n {2}\}\n/);

  const bad = await ctl('run', 'probe.run', '-s', 'do=fail', '-s', 'code=no_luck', '-s',
    'message=It was not to be', '-w');
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /^✗ probe\.run failed/);
  assert.match(bad.stdout, /\nError\n {2}no_luck: It was not to be\n/);
  assert.match(bad.stdout, /\nAttempts\n/);

  const [job] = await ctl.json('run', 'probe.run', '-s', 'do=progress', '-s', 'times=3', '-s',
    'ms=20', '-w');
  assert.equal(job.state, 'succeeded');
  assert.equal(job.attempts.length, 1);
});

test('a file goes up, the outputs come down under safe names', async () => {
  const folder = tempFolder();
  const bytes = randomBytes(3_000_000);
  const source = path.join(folder, 'Größe 1.bin');
  fs.writeFileSync(source, bytes);
  const out = path.join(folder, 'new', 'out');
  const args = ['run', 'probe.run', '-s', 'do=echo_file', '--file', `file=${source}`, '-o', out];
  const [job] = await ctl.json(...args);
  assert.equal(job.state, 'succeeded', JSON.stringify(job));
  assert.match(job.input.file.artifact, UUID);
  assert.equal(job.artifacts.length, 1);
  const [artifact] = job.artifacts;
  assert.equal(path.dirname(artifact.path), out);
  assert.deepEqual(fs.readFileSync(artifact.path), bytes);
  assert.equal(artifact.sha256, createHash('sha256').update(bytes).digest('hex'));

  fs.writeFileSync(artifact.path, 'mine'); // is not overwritten …
  const [again] = await ctl.json(...args);
  assert.notEqual(again.artifacts[0].path, artifact.path);
  assert.equal(fs.readFileSync(artifact.path, 'utf8'), 'mine');
  assert.deepEqual(fs.readFileSync(again.artifacts[0].path), bytes);
  await ctl.json(...args, '--overwrite'); // … unless asked for
  assert.deepEqual(fs.readFileSync(artifact.path), bytes);
  assert.equal(fs.readdirSync(out).length, 2, 'nothing half-made is left');
});

test('a mistake in the input is shown with its place', async () => {
  const end = await ctl('run', 'probe.run', '-s', 'do=fly', '-s', 'ms=-1');
  assert.equal(end.code, 3);
  assert.match(end.stderr, /^hubctl: The input does not match its schema \(422 invalid_input\)\n/);
  assert.match(end.stderr, /\n {2}\/input\/do\n {4}\S/);
  assert.match(end.stderr, /\n {2}\/input\/ms\n {4}\S/);
  assert.equal(end.stdout, '');
  const program = await ctl('run', 'probe.run', '-s', 'do=fly', '--json');
  assert.equal(errorOf(program).errors[0].pointer, '/input/do');
});

test('Ctrl-C leaves the job running and says how to end it', async () => {
  const { child, output, ended } = ctl.start('run', 'probe.run', '-s', 'do=sleep', '-s',
    'ms=60000', '--wait', '--label', 'test=interrupt');
  const [job] = await until(async () => {
    const jobs = await ctl.json('list', '--label', 'test=interrupt', '--state', 'running');
    return jobs.length > 0 && jobs;
  }, 'the job runs');
  child.kill('SIGINT');
  const end = await ended;
  assert.equal(end.code, 130, JSON.stringify(output));
  assert.match(end.stderr, new RegExp(`hubctl cancel ${job.id}`));
  assert.equal((await hub.job(job.id)).state, 'running');

  const late = await ctl('get', job.id, '--wait-timeout', '200ms');
  assert.equal(late.code, 5);
  assert.match(late.stderr, /the time to wait is over; the job goes on/);

  const waiter = ctl.start('get', job.id, '--wait');
  const cancel = await ctl('cancel', job.id);
  assert.equal(cancel.code, 0, cancel.stderr);
  assert.equal((await waiter.ended).code, 1);
  assert.equal((await hub.finished(job.id)).state, 'cancelled');
});

test('list filters, pages and stays readable for programs', async () => {
  for (let i = 0; i < 7; i += 1) {
    await ctl.json('run', 'noop.run', '-w', '-l', 'test=list', '-s', `i=${i}`);
  }
  const jobs = await ctl.json('list', '--label', 'test=list', '--all');
  assert.equal(jobs.length, 7);
  assert.deepEqual(jobs.map((job) => job.id), jobs.map((job) => job.id).sort().reverse());
  assert.equal((await ctl.json('list', '-l', 'test=list', '-n', '3')).length, 3);
  assert.equal((await ctl.json('list', '-l', 'test=list', '--since', '1h')).length, 7);
  assert.equal((await ctl.json('list', '-l', 'test=list', '--until', '1h')).length, 0);
  assert.equal((await ctl.json('list', '-l', 'test=list', '-s', 'failed,queued')).length, 0);
  assert.equal((await ctl.json('list', '-l', 'test=list', '-t', 'noop.run', '-s', 'succeeded',
    '-s', 'failed')).length, 7);

  const table = await ctl('list', '-l', 'test=list', '-n', '2');
  const lines = table.stdout.split('\n');
  assert.match(lines[0], /^ID +TYPE +STATE +TRIES +CREATED +TOOK +LABELS$/);
  assert.match(lines[1], /^[0-9a-f-]{36} {2}noop\.run +succeeded +1\/5 .* test=list$/);
  assert.equal(lines.length, 4);
  assert.match(table.stderr, /there are more/);
  const none = await ctl('list', '-l', 'test=nothing');
  assert.equal(none.stdout, '');
  assert.match(none.stderr, /no such jobs/);
  assert.equal((await ctl('list', '--state', 'done')).code, 2);
});

test('more jobs than a page are listed all', async () => {
  const ids = new Set();
  for (let i = 0; i < 520; i += 1) {
    ids.add((await hub.post('noop.run', {}, { labels: { test: 'pages' } })).id);
  }
  const jobs = await ctl.json('list', '-l', 'test=pages', '--all');
  assert.equal(jobs.length, 520);
  assert.deepEqual(new Set(jobs.map((job) => job.id)), ids);
});

test('get shows all of a job', async () => {
  const job = await hub.run('probe.run', { do: 'crash' }, { max_attempts: 2, labels: { a: 'b' } });
  const { stdout } = await ctl('get', job.id);
  assert.ok(stdout.startsWith(`✗ ${job.id}  failed\n`), stdout);
  assert.match(stdout, /\n {2}type +probe\.run\n/);
  assert.match(stdout, /\n {2}attempt +2 of at most 2, each in /);
  assert.match(stdout, /\n {2}labels +a=b\n/);
  assert.match(stdout, /\nInput\n {2}\{\n {4}"do": "crash"\n {2}\}\n/);
  assert.match(stdout, /\n {2}runner_crashed: /);
  assert.match(stdout, /\n {2}2 .*crashed +runner_crashed +signal 11 SIGSEGV /);
  assert.deepEqual((await ctl.json('get', job.id))[0], await hub.job(job.id));
});

test('retry and delete', async () => {
  const job = await hub.run('probe.run', { do: 'fail' });
  const retried = await ctl('retry', job.id);
  assert.equal(retried.code, 0, retried.stderr);
  assert.match(retried.stdout, new RegExp(`^${job.id} {2}\\w+\n$`));
  assert.equal((await ctl('get', job.id, '-w')).code, 1);
  assert.equal((await ctl('delete', job.id)).code, 0);
  const gone = await ctl('get', job.id);
  assert.equal(gone.code, 3);
  assert.match(gone.stderr, /404 not_found/);
  const mixed = await ctl('cancel', NOWHERE, (await hub.post('noop.run', {},
    { run_at: '2099-01-01T00:00:00Z' })).id);
  assert.equal(mixed.code, 3, 'the first failure counts');
  assert.match(mixed.stdout, /cancelled/, 'and the others are tried');
});

test('tail shows events as they come', async () => {
  const { output, ended } = ctl.start('tail', '--json', '--queue', 'tailed', '--count', '3');
  await until(async () => {
    if (output.stdout === '') await hub.post('noop.run', {}, { queue: 'tailed' });
    return output.stdout.includes('\n');
  }, 'the first event');
  await hub.post('noop.run', {}, { queue: 'tailed' });
  const end = await ended;
  assert.equal(end.code, 0, end.stderr);
  const events = end.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(events.length, 3);
  for (const event of events) {
    assert.equal(event.event, 'job');
    assert.equal(event.type, 'noop.run');
    assert.equal(event.queue, 'tailed');
  }
  const rest = ctl.start('tail', '--after-event', String(events[0].seq), '--queue', 'tailed', '-n',
    '2', '--json');
  const resumed = (await rest.ended).stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(resumed.map((event) => event.seq), events.slice(1).map((event) => event.seq));
  const { child, ended: interrupted } = ctl.start('tail', '--job', NOWHERE);
  setTimeout(() => child.kill('SIGINT'), 300);
  assert.equal((await interrupted).code, 130);
});

test('queues are shown, limited, paused and resumed', async () => {
  const set = await ctl.json('queues', 'set', 'limited', '--rate', '3/10s', '--concurrency', '4');
  assert.deepEqual(set[0].rate, { limit: 3, period_ms: 10_000 });
  assert.equal(set[0].concurrency, 4);
  assert.equal((await ctl.json('queues', 'pause', 'limited'))[0].paused, true);
  const { stdout } = await ctl('queues');
  assert.match(stdout, /^QUEUE +STATE +RUNNING +QUEUED /);
  assert.match(stdout, /\nlimited +paused +0 +0 +0 +0 +4 +3\/10s\n/);
  assert.equal((await ctl.json('queues', 'resume', 'limited'))[0].paused, false);
  const free = await ctl.json('queues', 'set', 'limited', '--rate', 'none', '-c', 'none');
  assert.equal(free[0].rate, null);
  assert.equal(free[0].concurrency, null);
  assert.equal((await ctl('queues', 'set', 'limited', '--rate', 'fast')).code, 2);
  assert.equal((await ctl('queues', 'set', 'limited')).code, 2);
});

test('connectors, their operations, and what they take', async () => {
  const all = await ctl.json('connectors');
  assert.ok(all.some((connector) => connector.name === 'probe'));
  assert.match((await ctl('connectors')).stdout, /\nprobe +\S+ +ready +run, /);
  assert.match((await ctl('connectors', 'probe')).stdout, /\n {2}probe\.run +safe +/);
  const operation = await ctl('connectors', 'probe.run');
  assert.match(operation.stdout, /\n {2}do +succeed \| fail \| .* yes +/);
  assert.match(operation.stdout, /\n {2}file +file/);
  assert.match(operation.stdout, /\n {2}ms +integer 0…3600000 +0 +Milliseconds/);
  assert.equal((await ctl('connectors', 'probe', 'run')).stdout, operation.stdout);
  const wrong = await ctl('connectors', 'probe.rum');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /did you mean run\?/);
  assert.equal((await ctl('connectors', 'rescan')).code, 0);
  assert.equal((await ctl('connectors', 'nothing')).code, 3);
});

test('artifacts go up, come down and go away', async () => {
  const folder = tempFolder();
  const bytes = randomBytes(100_000);
  fs.writeFileSync(path.join(folder, 'a b.png'), bytes);
  const [artifact] = await ctl.json('artifacts', 'upload', path.join(folder, 'a b.png'));
  assert.equal(artifact.name, 'a b.png');
  assert.equal(artifact.media_type, 'image/png');
  assert.equal(artifact.size, bytes.length);

  const [piped] = await ctl.json('artifacts', 'upload', '-', '--name', 'größe.txt', '--type',
    'text/plain', { input: 'from a pipe' });
  assert.equal(piped.name, 'größe.txt');
  assert.equal(piped.media_type, 'text/plain');
  const shown = await ctl('artifacts', 'download', piped.id, '-o', '-');
  assert.equal(shown.stdout, 'from a pipe');

  const [saved] = await ctl.json('artifacts', 'download', artifact.id, '-o', `${folder}/down/`);
  assert.equal(saved.path, `${folder}/down/a b.png`);
  assert.deepEqual(fs.readFileSync(saved.path), bytes);
  const named = path.join(folder, 'named.png');
  assert.equal((await ctl('artifacts', 'download', artifact.id, '-o', named)).stdout, `${named}\n`);
  const taken = await ctl('artifacts', 'download', artifact.id, '-o', named);
  assert.equal(taken.code, 6);
  assert.match(taken.stderr, /named\.png exists already/);

  assert.equal((await ctl('artifacts', 'delete', artifact.id)).code, 0);
  assert.equal((await ctl('artifacts', 'download', artifact.id)).code, 3);
  assert.equal((await ctl('artifacts', 'upload', '/nowhere/at/all')).code, 6);
});

test('over TCP a key is needed; keys are made, used and deleted', async () => {
  const url = { HUBD_SOCKET: '', HUBD_URL: hub.url };
  const file = path.join(tempFolder(), 'new.key');
  const none = await ctl('list', { env: url });
  assert.equal(none.code, 3);
  assert.match(none.stderr, /401 unauthorized/);
  assert.match(none.stderr, /--key-file/);
  assert.equal((await ctl('list', { env: { ...url, HUBCTL_KEY: hub.key } })).code, 0);

  const created = await ctl('keys', 'create', 'reader', '--scope', 'jobs:read', '-o', file);
  assert.equal(created.code, 0, created.stderr);
  assert.equal(created.stdout, '');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.equal((await ctl('list', '--key-file', file, { env: url })).code, 0);
  const refused = await ctl('run', 'noop.run', '--key-file', file, { env: url });
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /403 forbidden/);
  const key = (await ctl.json('keys', 'list')).find((one) => one.name === 'reader');
  assert.deepEqual(key.scopes, ['jobs:read']);
  assert.equal((await ctl('keys', 'delete', key.id)).code, 0);
  assert.equal((await ctl('list', { env: { ...url, HUBD_KEY_FILE: file } })).code, 3);

  fs.writeFileSync(file, 'two\nlines\n');
  assert.equal((await ctl('list', '--key-file', file, { env: url })).code, 2);
  fs.chmodSync(file, 0o644);
  fs.writeFileSync(file, `${hub.key}\n`);
  const open = await ctl('list', '-n', '1', '--key-file', file, { env: url });
  assert.equal(open.code, 0);
  assert.match(open.stderr, /other users can read the key file/);
});

test('doctor finds a healthy hubd, and says what to do about a missing one', async () => {
  const findings = await ctl.json('doctor');
  const reachable = findings.find((one) => one.check === 'reachable');
  assert.equal(reachable.finding, 'ok');
  for (const check of ['version', 'ready', 'connector', 'landlock', 'seccomp', 'user_namespaces',
    'cgroup2', 'core_limit', 'descriptors']) {
    assert.ok(findings.some((one) => one.check === check), check);
  }
  const missing = await ctl('doctor', '--socket', '/nowhere/hubd.sock');
  assert.equal(missing.code, 4);
  assert.match(missing.stdout, /✗ hubd does not answer at \/nowhere\/hubd\.sock/);
  assert.match(missing.stdout, /→ Start it with/);
  const stranger = await ctl('doctor', { env: { HUBD_SOCKET: '', HUBD_URL: hub.url } });
  assert.equal(stranger.code, 1);
  assert.match(stranger.stdout, /✗ hubd does not let you look/);
});

test('openapi, version and help', async () => {
  const openapi = JSON.parse((await ctl('openapi')).stdout);
  assert.match(openapi.openapi, /^3\.1\./);
  const [version] = await ctl.json('version');
  assert.equal(version.hubd, version.hubctl);
  const gone = await ctl.json('version', '--socket', '/nowhere');
  assert.equal(gone[0].hubd, null);
  const help = await ctl('help');
  assert.equal(help.code, 0);
  assert.match(help.stdout, /\nExit codes\n {2}0 /);
  const words = (await ctl('complete', 'hubctl ')).stdout.trim().split('\n').slice(1);
  for (const word of words) {
    const own = await ctl('help', word);
    assert.equal(own.code, 0, word);
    assert.ok(own.stdout.startsWith(`hubctl ${word}: `), own.stdout);
    assert.equal((await ctl(word, '--help')).stdout, own.stdout);
    const narrow = (await ctl('help', word, { env: { COLUMNS: '80' } })).stdout;
    for (const line of narrow.split('\n')) assert.ok([...line].length <= 80, line);
  }
});

test('what is typed wrong is answered with what was meant', async () => {
  for (const [args, says] of [
    [['lsit'], /there is no command 'lsit'; did you mean `hubctl list`\?/],
    [['queues', 'set', 'a', '--rat', '1/s'], /there is no option --rat; did you mean --rate\?/],
    [['keys', 'crate'], /did you mean `hubctl keys create`\?/],
    [['get'], /something is missing: hubctl get ID/],
    [['get', 'not-an-id'], /'not-an-id' is not the id of a job/],
    [['get', NOWHERE, NOWHERE], /one word too many/],
    [['run', 'noop.run', '--input', '{"a":1,}'], /--input is not JSON: byte /],
    [['run', 'noop.run', '--set', 'novalue'], /--set needs NAME=VALUE/],
    [['run', 'noop.run', '--timeout', 'soon'], /--timeout is a duration like/],
    [['run', 'noop.run', '--priority', '1000'], /--priority must be a whole number from -100/],
    [['list', '--url', 'http://x', '--socket', '/s'], /give --url or --socket, not both/],
    [['list', '--url', 'ftp://x'], /begins with http/],
    [['list', '--color', 'pink'], /--color is auto, always or never/],
  ]) {
    const end = await ctl(...args);
    assert.equal(end.code, 2, `${args}: ${JSON.stringify(end)}`);
    assert.match(end.stderr, says);
    assert.equal(end.stdout, '');
  }
  assert.equal((await ctl('run', 'noop.run', '-i', '@/nowhere')).code, 6);
});

test('nobody there: exit code 4 and a hint', async () => {
  const end = await ctl('list', '--socket', '/nowhere/hubd.sock');
  assert.equal(end.code, 4);
  assert.match(end.stderr, /hubd does not answer at \/nowhere\/hubd\.sock: No such file/);
  assert.match(end.stderr, /hubctl doctor/);
  const program = await ctl('list', '--url', 'http://127.0.0.1:1', '--json');
  assert.equal(errorOf(program).code, 'unreachable');
  assert.equal(errorOf(program).exit, 4);
});

test('colours and progress on a terminal only', async () => {
  const pipe = await ctl('run', 'probe.run', '-s', 'do=progress', '-s', 'times=5', '-s', 'ms=100',
    '-w');
  assert.doesNotMatch(pipe.stdout + pipe.stderr, ESCAPE);
  assert.equal(pipe.stderr, '');

  const args = ['run', 'probe.run', '-s', 'do=progress', '-s', 'times=8', '-s', 'ms=100', '-w'];
  const terminal = await ctl.onTerminal(...args);
  assert.equal(terminal.code, 0);
  // eslint-disable-next-line no-control-regex
  assert.match(terminal.screen, /\r. running {2}▕█.*▏ +\d+ % {2}step \d of 8\x1b\[K/);
  // eslint-disable-next-line no-control-regex
  assert.match(terminal.screen, /\x1b\[32m✓\x1b\[0m probe\.run \x1b\[32msucceeded\x1b\[0m/);
  const plain = await ctl.onTerminal(...args, '--quiet', { env: { NO_COLOR: '1' } });
  assert.doesNotMatch(plain.screen, ESCAPE);

  for (const columns of [60, 80, 140]) {
    const { screen } = await ctl.onTerminal('list', { columns, env: { NO_COLOR: '1' } });
    for (const line of screen.split('\r\n')) {
      assert.ok([...line].length <= columns, `${columns}: ${line}`);
    }
  }
});

test('completion knows the commands, and asks hubd for the rest', async () => {
  const complete = async (line) => (await ctl('complete', line)).stdout.trim().split('\n');
  assert.deepEqual(await complete('hubctl qu'), ['words', 'queues']);
  assert.deepEqual(await complete('hubctl queues pa'), ['words', 'pause']);
  assert.deepEqual(await complete('hubctl run noop'), ['words', 'noop.run']);
  assert.deepEqual(await complete('hubctl list --state s'), ['words', 'scheduled', 'succeeded']);
  assert.deepEqual(await complete('hubctl run --file image='), ['files']);
  assert.deepEqual(await complete('hubctl keys create x --scope jobs:r'), ['words', 'read']);
  assert.ok((await complete('hubctl queues pause ')).includes('default'));
  assert.ok((await complete('hubctl run noop.run --')).includes('--wait'));

  const script = `source <("${HUBCTL}" completion bash)
    COMP_LINE="${HUBCTL} queues pa"; COMP_POINT=\${#COMP_LINE}
    COMP_WORDS=("${HUBCTL}" queues pa); COMP_CWORD=2
    _hubctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const bash = await runProgram('bash', ['-c', script]);
  assert.equal(bash.stdout, 'pause\n', bash.stderr);
});

test('a hubd that restarts is waited for', async () => {
  const other = await startHubd();
  const { ended } = hubctl({ HUBD_SOCKET: other.socket }).start('run', 'probe.run', '-s',
    'do=sleep', '-s', 'ms=1500', '--wait', '--json');
  await until(async () => (await other.json('/v1/jobs?state=running')).jobs.length > 0, 'running');
  await other.kill();
  const next = await startHubd({ stateDir: other.stateDir });
  const end = await ended;
  assert.equal(end.code, 0, JSON.stringify(end));
  assert.equal(JSON.parse(end.stdout).state, 'succeeded');
  await next.stop();
  other.discard();
});
