// Hostile connectors (connectors/misbehave): each is stopped, what stopped it stands in the job, and
// nobody else notices. As root, whose runners are users of their own, and as an ordinary user, whose
// runners are in a namespace.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { BUILD, SANITIZED, SLOW, startHubd, tempFolder } from './lib/hubd.mjs';

const NOBODY = 65534;
const ROOT = process.getuid() === 0;
const SWITCH = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', '--'].map(String);
const FOLDERS = ['connectors', 'tests/connectors', 'tests/misbehave'];

const FLAGS = {
  retry_base_ms: 5, retry_cap_ms: 10, cancel_grace_ms: 100, breaker_crashes: 0,
  runner_memory_max_bytes: 512 << 20, artifact_max_bytes: 1 << 20, runner_cpu_max_s: 1,
  sandbox: SANITIZED ? 'best_effort' : 'required',
};

/** A program that runs hubd as somebody else. */
function hubdAsNobody() {
  const folder = tempFolder('hubd-nobody-');
  const program = path.join(folder, 'hubd');
  fs.chmodSync(folder, 0o755);
  fs.writeFileSync(program,
    `#!/bin/sh\nexec setpriv ${SWITCH.join(' ')} ${path.join(BUILD, 'hubd')} "$@"\n`, { mode: 0o755 });
  return program;
}

async function start(asNobody) {
  const stateDir = tempFolder('hubd-hostile-');
  if (asNobody) fs.chownSync(stateDir, NOBODY, NOBODY);
  return startHubd({
    stateDir, flags: FLAGS, connectors: FOLDERS.map((folder) => path.join(BUILD, folder)),
    program: asNobody ? hubdAsNobody() : undefined,
  });
}

const USERS = [{ name: ROOT ? 'root' : 'an ordinary user', asNobody: false, own: ROOT }];
if (ROOT) USERS.push({ name: 'an ordinary user', asNobody: true, own: false });

/** May nobody run what is in the build folder? */
const reachable = !ROOT ||
  spawnSync('setpriv', [...SWITCH, 'test', '-x', path.join(BUILD, 'hubd')]).status === 0;

/** The numbers of system calls on this machine, from the kernel's header. */
function callNumbers() {
  const text = execFileSync('cc', ['-E', '-dM', '-include', 'sys/syscall.h', '-x', 'c', '/dev/null'],
    { encoding: 'utf8' });
  return new Map([...text.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map(([, n, v]) => [n, +v]));
}

const FORBIDDEN = ['mount', 'umount2', 'chroot', 'pivot_root', 'unshare', 'setns', 'bpf', 'keyctl',
  'add_key', 'request_key', 'userfaultfd', 'perf_event_open', 'ptrace', 'process_vm_readv',
  'process_vm_writev', 'pidfd_open', 'pidfd_getfd', 'pidfd_send_signal', 'kcmp', 'init_module',
  'finit_module', 'kexec_load', 'reboot', 'setuid', 'setresuid', 'setgid', 'setgroups', 'capset',
  'personality', 'open_by_handle_at', 'name_to_handle_at', 'shmget', 'msgget', 'semget', 'mq_open',
  'syslog', 'quotactl', 'swapon', 'settimeofday', 'clock_settime', 'adjtimex', 'sethostname',
  'fanotify_init', 'inotify_init1', 'unlink', 'rename', 'mkdir', 'symlink', 'link', 'chmod',
  'chown', 'truncate', 'vfork', 'execveat', 'socket', 'socketpair', 'connect', 'bind', 'listen',
  'accept4', 'sendto', 'tkill', 'seccomp', 'modify_ldt', 'iopl', 'acct', 'vhangup'];
const ABSENT = ['clone3', 'io_uring_setup', 'io_uring_enter', 'io_uring_register'];

for (const user of USERS) {
  describe(`as ${user.name}`, { skip: !reachable && user.asNobody && 'not its build' }, () => {
    let hub;
    before(async () => { hub = await start(user.asNobody); });
    after(() => hub?.stop());

    /** The job's only attempt must have died so. */
    async function dies(type, input, cause, code, more = {}) {
      const job = await hub.run(`${type}.run`, input, { max_attempts: 1, ...more });
      assert.equal(job.state, 'failed', JSON.stringify(job));
      const [attempt] = job.attempts;
      assert.equal(attempt.cause.kind, cause.kind, JSON.stringify(attempt));
      assert.equal(attempt.cause.name, cause.name ?? null, JSON.stringify(attempt));
      assert.equal(attempt.code, code);
      return attempt;
    }

    const violates = async (type, call, input = {}) => {
      const attempt = await dies(type, input, { kind: 'policy', name: call }, 'policy_violation');
      assert.match(attempt.message, new RegExp(`\\b${call}\\b`));
    };

    async function answers(type, input = {}) {
      const job = await hub.run(`${type}.run`, input, { max_attempts: 1 });
      assert.equal(job.state, 'succeeded', JSON.stringify(job));
      return job.result;
    }

    test('GET /v1/connectors says what holds', async () => {
      const { sandbox } = await hub.json('/v1/connectors/open_file');
      assert.equal(sandbox.class, 'pure');
      assert.ok(sandbox.mechanisms.includes('seccomp'));
      assert.ok(sandbox.mechanisms.includes('landlock_files'));
      assert.equal(sandbox.mechanisms.includes('own_uid'), user.own);
      if (!SANITIZED) assert.deepEqual(sandbox.missing, []);
      assert.equal((await hub.json('/v1/connectors/listen')).sandbox.class, 'network');
    });

    test('opens no file but those that it asked for and that are granted', async () => {
      for (const file of ['/etc/passwd', '/etc/hosts', '/bin/sh', path.join(BUILD, 'hubd'),
        path.join(hub.stateDir, 'admin.key'), path.join(hub.stateDir, 'hubd.db')]) {
        assert.deepEqual(await answers('open_file', { path: file }), { open: 'EACCES' }, file);
      }
      assert.deepEqual(await answers('open_file', { path: '/usr/lib' }), { open: 0 });
      if (fs.existsSync('/usr/share/fonts')) {
        assert.deepEqual(await answers('open_file', { path: '/usr/share/fonts' }), { open: 0 });
      }
      assert.match(hub.log(), /not granted" connector=open_file path=\/etc$/m);
      assert.match(hub.log(), /not granted" connector=open_file path=\/usr\/share\/fonts\/\.\./m);
    });

    test('makes no connection', async () => {
      let came = 0;
      const server = net.createServer((socket) => { came++; socket.destroy(); });
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      await violates('connect', 'socket', { port: server.address().port });
      server.close();
      assert.equal(came, 0);
    });

    test('class network connects but does not listen', () => violates('listen', 'listen'));
    test('runs no program', () => violates('exec', 'execve'));
    test('starts no process', () => violates('fork_bomb', 'clone'));
    test('does not trace hubd', { skip: SANITIZED && 'the leak checker may' },
      () => violates('trace_parent', 'ptrace'));
    test('does not kill hubd', { skip: SANITIZED && 'the leak checker may' },
      () => violates('kill_parent', 'kill'));
    test('keeps no handler of its own', { skip: SANITIZED && 'the sanitizer may' },
      () => violates('replace_handler', 'rt_sigaction'));
    test('blocks no SIGSYS', { skip: SANITIZED && 'the leak checker may trace' },
      () => dies('block_signal', {}, { kind: 'policy' }, 'policy_violation'));

    test('makes no system call that is not on the list', { skip: SANITIZED }, async () => {
      const numbers = callNumbers();
      const calls = FORBIDDEN.filter((name) => numbers.has(name));
      assert.ok(calls.length > 40);
      await Promise.all(calls.map((name) =>
        violates('system_call', name, { number: numbers.get(name) })));
      for (const name of ABSENT) {
        assert.deepEqual(await answers('system_call', { number: numbers.get(name) }),
          { call: 'ENOSYS' }, name);
      }
    });

    test('sees nothing of hubd in /proc', async () => {
      for (const [file, how] of Object.entries(await answers('read_proc'))) {
        assert.ok(['EACCES', 'ENOENT', 'EPERM'].includes(how), `${file}: ${how}`);
      }
    });

    test('does not touch what other jobs have made', async () => {
      const upload = await hub.upload('of somebody else', { name: 'a.txt' });
      const [file] = hub.files('blobs').filter((name) => !name.includes('tmp'));
      const folder = path.join(hub.stateDir, path.dirname(file));
      const was = hub.files('blobs').length;
      assert.deepEqual(
        await answers('write_artifacts', { folder, path: path.join(hub.stateDir, file) }),
        { list: 'EACCES', write: 'EACCES', truncate: 'EACCES', create: 'EACCES' });
      assert.equal(hub.files('blobs').length, was);
      assert.equal((await hub.download(upload)).toString(), 'of somebody else');
    });

    test('does not change its input', async () => {
      const upload = await hub.upload('as it was', { name: 'a.txt' });
      const result = await answers('change_input', { file: { artifact: upload.id } });
      assert.equal(result.write, 'EBADF');
      assert.equal(result.truncate, 'EINVAL');
      assert.equal(result.reopen, 'EACCES');
      await violates('change_input', 'fchmod', { file: { artifact: upload.id }, mode: 1 });
      assert.equal((await hub.download(upload)).toString(), 'as it was');
    });

    test('takes no more memory than there is', { skip: SANITIZED && 'no limit then' }, async () => {
      const attempt = await dies('allocate', {}, { kind: 'memory' }, 'memory_exceeded');
      assert.match(attempt.message, /2147483648 bytes of memory/);
    });

    test('writes no more than an output may hold', () =>
      dies('endless_output', {}, { kind: 'output' }, 'output_too_large'));

    test('takes no more processor time than it may', () =>
      dies('burn_processor', {}, { kind: 'cpu' }, 'cpu_exceeded', { timeout_ms: 20_000 * SLOW }));

    test('runs no longer than its deadline', async () => {
      const attempt = await dies('endless_loop', {}, { kind: 'deadline' }, 'deadline_exceeded',
        { timeout_ms: 300 });
      assert.equal(attempt.outcome, 'deadline');
    });

    test('starts no more threads than it may', async () => {
      const { threads } = await answers('thread_bomb');
      assert.ok(threads > 16 && threads <= 256, `${threads} threads`);
    });

    test('crashes alone', async () => {
      await dies('segfault', {}, { kind: 'signal', name: 'SIGSEGV' }, 'runner_crashed');
      await dies('abort', {}, { kind: 'signal', name: 'SIGABRT' }, 'runner_crashed');
      await dies('close_channel', {}, { kind: 'exit' }, 'runner_exited');
    });

    test('speaks for nobody else', async () => {
      const other = await hub.post('probe.run', { do: 'sleep', ms: 600 });
      await dies('forge_frames', { token: 1 }, { kind: 'protocol' }, 'protocol_error');
      await dies('say_confined', {}, { kind: 'protocol' }, 'protocol_error');
      const job = await hub.finished(other.id);
      assert.equal(job.state, 'succeeded');
      assert.equal(job.result.attempt, 1);
    });

    test('nobody else notices', async () => {
      const good = Array.from({ length: 30 }, (_, n) => n % 2
        ? hub.run('noop.run') : hub.run('aprobe.run', { do: 'sleep', ms: 200 }));
      const bad = ['connect', 'exec', 'fork_bomb', 'segfault', 'abort', 'forge_frames',
        'close_channel', 'endless_output', 'thread_bomb', 'allocate'].map((type) =>
        hub.run(`${type}.run`, { token: 7 }, { max_attempts: 2, timeout_ms: 5000 * SLOW }));
      for (const job of await Promise.all(good)) {
        assert.equal(job.state, 'succeeded');
        assert.equal(job.attempts.length, 1);
      }
      await Promise.all(bad);
      assert.ok(hub.running);
    });

    test('what happened is counted by cause', async () => {
      const count = (connector, cause) =>
        hub.metric(`attempt_deaths_total{connector="${connector}",cause="${cause}"}`);
      assert.ok(await count('exec', 'policy') >= 1);
      assert.ok(await count('segfault', 'signal') >= 1);
      assert.ok(await count('forge_frames', 'protocol') >= 1);
      assert.ok(await count('endless_output', 'output') >= 1);
      assert.ok(await count('burn_processor', 'cpu') >= 1);
      assert.ok(await count('endless_loop', 'deadline') >= 1);
      if (!SANITIZED) assert.ok(await count('allocate', 'memory') >= 1);
    });
  });
}
