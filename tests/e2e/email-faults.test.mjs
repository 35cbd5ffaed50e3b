// email.send against servers that misbehave, and input that wants to: every failure has a name, a
// bound in time, and sends nothing that was not meant.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, describe, test } from 'node:test';

import { SMTPServer } from 'smtp-server';

import { SLOW, startHubd, tempFolder, until } from './lib/hubd.mjs';
import { makeAuthority, ownAddress } from './lib/postfix.mjs';

const folder = tempFolder('hubd-email-ca-');
const authority = makeAuthority(folder);
let hub;
before(async () => {
  hub = await startHubd({ flags: {
    http_allow_private: '127.0.0.0/8', retry_base_ms: 10,
    http_authorities: path.join(folder, 'ca.pem'),
  } });
});
after(() => hub.stop());

let accounts = 0;
async function account(settings) {
  const name = `fault${accounts++}`;
  const response = await hub.send(`/v1/accounts/${name}`, {
    connector: 'email',
    settings: { tls: 'none', port: 2525, retry_schedule_s: [0],
      timeouts: { connect_ms: 1000, command_ms: 700 * SLOW, final_ms: 900 * SLOW, idle_ms: 2000 },
      limits: { connections: 1, domain_backoff_ms: 1 }, ...settings },
  }, { method: 'PUT' });
  assert.ok(response.ok, await response.text());
  return name;
}
const MESSAGE = { from: 'a@example.test', to: ['b@example.test'], subject: 's', text: 'hello' };
const run = async (settings, input = MESSAGE, more = { max_attempts: 1 }) =>
  hub.run('email.send', input, { account: await account(settings), ...more });

/** A server that answers line by line as `script(line, socket, n)` says; n: the connection. */
async function scripted(script, { greet = '220 scripted' } = {}) {
  const host = ownAddress();
  const seen = [];
  const sockets = new Set();
  let count = 0;
  const server = net.createServer((socket) => {
    const n = ++count;
    let rest = '';
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    if (greet !== null) socket.write(typeof greet === 'function' ? greet(n) : `${greet}\r\n`);
    socket.setEncoding('latin1').on('data', (text) => {
      rest += text;
      for (let at; (at = rest.indexOf('\r\n')) >= 0;) {
        const line = rest.slice(0, at);
        rest = rest.slice(at + 2);
        seen.push(line);
        const answer = script(line, socket, n);
        if (answer) socket.write(answer.endsWith('\n') ? answer : `${answer}\r\n`);
      }
    });
  });
  server.listen(2525, host);
  await once(server, 'listening');
  return {
    host, seen, connections: () => count,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A script that behaves, but for what `other` answers; '' is silence, undefined as usual. */
function polite(other = () => undefined, capabilities = ['PIPELINING', 'SIZE 1000000']) {
  const state = new WeakMap();
  return (line, socket, n) => {
    const inData = state.get(socket);
    const verb = inData ? (line === '.' ? 'DOT' : 'LINE') : line.split(/[ :]/)[0].toUpperCase();
    const own = other(verb, line, socket, n);
    if (verb === 'DOT') state.delete(socket);
    if (own !== undefined) return own;
    if (verb === 'EHLO') return `250-hi\r\n${capabilities.map((one, i) =>
      `250${i + 1 < capabilities.length ? '-' : ' '}${one}\r\n`).join('')}`;
    if (verb === 'DATA') { state.set(socket, true); return '354 go'; }
    if (verb === 'LINE') return '';
    if (verb === 'QUIT') { socket.end('221 bye\r\n'); return ''; }
    return '250 ok';
  };
}
const withServer = (script, options, body) => async () => {
  const server = await scripted(script, options);
  try { await body(server); } finally { server.close(); }
};

describe('servers that do not behave', { concurrency: 4 }, () => {
  const XOAUTH2 = { method: 'xoauth2', username: 'u', access_token: 'p' };
  const BOTH = { libesmtp: {}, libcurl: { auth: XOAUTH2 } };
  for (const [name, settings] of Object.entries(BOTH)) {
    const caps = name === 'libcurl' ? ['PIPELINING', 'AUTH XOAUTH2'] : ['PIPELINING'];
    const script = (other) => polite((verb, ...more) =>
      other(verb, ...more) ?? (verb === 'AUTH' ? '235 ok' : undefined), caps);

    test(`${name}: silence at the greeting`, withServer(() => '', { greet: null }, async (server) => {
      const job = await run({ host: server.host, ...settings });
      assert.equal(job.error.code, 'timeout', JSON.stringify(job.error));
    }));
    for (const stage of ['EHLO', 'MAIL', 'RCPT', 'DATA', 'DOT']) {
      test(`${name}: silence after ${stage}`, withServer(
        script((verb, line, socket) => {
          socket.silent ||= verb === stage; // pipelined commands behind it get no answer either
          return socket.silent ? '' : undefined;
        }), {}, async (server) => {
          const started = Date.now();
          const job = await run({ host: server.host, ...settings });
          assert.equal(job.error.code, 'timeout', JSON.stringify(job.error));
          assert.ok(Date.now() - started < 5000 * SLOW);
        }));
      test(`${name}: cut off after ${stage}`, withServer(
        script((verb, line, socket) => {
          if (verb === stage) socket.destroy();
          return verb === stage ? '' : undefined;
        }), {}, async (server) => {
          const job = await run({ host: server.host, ...settings });
          assert.equal(job.error.code, 'connection_lost', JSON.stringify(job.error));
        }));
    }
    test(`${name}: a byte now and then`, withServer(script((verb, line, socket) => {
      if (verb !== 'MAIL') return undefined;
      const timer = setInterval(() => socket.write('2'), 100);
      socket.on('close', () => clearInterval(timer));
      return '';
    }), {}, async (server) => {
      const started = Date.now();
      const job = await run({ host: server.host, ...settings });
      assert.ok(['timeout', 'protocol_error'].includes(job.error.code), JSON.stringify(job.error));
      assert.ok(Date.now() - started < 5000 * SLOW);
    }));
    test(`${name}: it is no SMTP`, withServer(() => '', { greet: 'HTTP/1.1 400 Bad Request' },
      async (server) => {
        const job = await run({ host: server.host, ...settings });
        assert.ok(['protocol_error', 'connection_lost', 'timeout'].includes(job.error.code),
          JSON.stringify(job.error));
      }));
    test(`${name}: 421 instead of a greeting is tried again`, withServer(
      script(() => undefined), { greet: (n) => (n === 1 ? '421 busy\r\n' : '220 hi\r\n') },
      async (server) => {
        const job = await run({ host: server.host, ...settings }, MESSAGE, { max_attempts: 3 });
        assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
        assert.equal(job.attempts[0].code, 'greeting_refused');
      }));
    test(`${name}: 4xx at each stage is tried again, 5xx is not`, async () => {
      for (const stage of ['MAIL', 'RCPT', 'DATA', 'DOT']) {
        let times = 0;
        const soft = await scripted(script((verb) =>
          (verb === stage && times++ === 0 ? '451 4.3.0 later' : undefined)));
        const hard = await scripted(script((verb) =>
          (verb === stage ? '554 5.7.1 never' : undefined)));
        const later = await run({ host: soft.host, ...settings }, MESSAGE, { max_attempts: 3 });
        assert.equal(later.state, 'succeeded', `${stage}: ${JSON.stringify(later.error)}`);
        assert.equal(later.attempt, 2);
        const never = await run({ host: hard.host, ...settings }, MESSAGE, { max_attempts: 3 });
        assert.equal(never.error.code, 'rejected', `${stage}: ${JSON.stringify(never.error)}`);
        assert.equal(never.attempt, 1);
        soft.close();
        hard.close();
      }
    });
    test(`${name}: who was accepted gets nothing more`, async () => {
      let messages = [], now = [];
      const server = await scripted(script((verb, line) => {
        if (verb === 'MAIL') now = [];
        if (verb === 'RCPT' && line.includes('<c@') && messages.length === 0) return '450 4.2.0 wait';
        if (verb === 'RCPT') now.push(/<(.*?)>/.exec(line)[1]);
        if (verb === 'DOT') messages.push(now);
        return undefined;
      }));
      const job = await run({ host: server.host, ...settings },
        { ...MESSAGE, to: ['b@example.test', 'c@example.test', 'd@other.test'] }, { max_attempts: 4 });
      server.close();
      assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
      assert.deepEqual(messages, [['b@example.test', 'd@other.test'], ['c@example.test']]);
      assert.equal(job.result.accepted, 3);
    });
    test(`${name}: a kept connection that has died is no failure`, async () => {
      const sockets = [];
      const server = await scripted(script((verb, line, socket) => {
        if (verb === 'DOT') sockets.push(socket);
        return undefined;
      }));
      const used = await account({ host: server.host, ...settings });
      for (let i = 0; i < 3; i++) {
        const job = await hub.run('email.send', MESSAGE, { account: used, max_attempts: 1 });
        assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
        const gone = once(sockets.at(-1), 'close');
        sockets.at(-1).destroy();
        await gone;
      }
      server.close();
      assert.equal(server.connections(), 3);
    });
    test(`${name}: the answer is lost: retry sends again, with the same Message-ID; hold does not`,
      async () => {
        for (const on_unknown of ['retry', 'hold']) {
          let ids = [], dots = 0;
          const server = await scripted(script((verb, line, socket) => {
            if (verb === 'LINE' && line.startsWith('Message-ID:')) ids.push(line);
            if (verb === 'DOT' && dots++ === 0) { socket.destroy(); return ''; }
            return undefined;
          }));
          const job = await run({ host: server.host, ...settings, on_unknown }, MESSAGE,
            { max_attempts: 3 });
          server.close();
          assert.equal(job.state, on_unknown === 'retry' ? 'succeeded' : 'unknown',
            JSON.stringify(job.error));
          assert.equal(ids.length, on_unknown === 'retry' ? 2 : 1);
          assert.equal(new Set(ids).size, 1);
        }
      });
    test(`${name}: dropped amid the content is no doubt, even for hold`, async () => {
      let times = 0;
      const server = await scripted(script((verb, line, socket) => {
        if (verb === 'LINE' && times++ === 0) { socket.destroy(); return ''; }
        return undefined;
      }));
      const file = await hub.upload(Buffer.alloc(8_000_000, 7));
      const job = await run({ host: server.host, ...settings, on_unknown: 'hold',
        timeouts: { command_ms: 3000 * SLOW, final_ms: 5000 * SLOW } },
      { ...MESSAGE, attachments: [{ file: { artifact: file.id } }] }, { max_attempts: 2 });
      server.close();
      assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
      assert.equal(job.attempt, 2);
    });
    test(`${name}: SIZE is looked at before DATA`, async () => {
      const server = await scripted(polite((verb) => (verb === 'AUTH' ? '235 ok' : undefined),
        ['SIZE 200', 'AUTH XOAUTH2']));
      const job = await run({ host: server.host, ...settings });
      server.close();
      assert.equal(job.error.code, 'too_large', JSON.stringify(job.error));
      assert.ok(!server.seen.some((line) => line.startsWith('DATA')));
    });
    test(`${name}: no AUTH offered: nothing is sent without it`, async () => {
      const server = await scripted(polite(() => undefined, ['PIPELINING']));
      const auth = settings.auth ?? { username: 'u', password: 'p' };
      const job = await run({ host: server.host, auth });
      server.close();
      assert.equal(job.error.code, 'auth_missing', JSON.stringify(job.error));
      assert.ok(!server.seen.some((line) => line.startsWith('MAIL')), server.seen.join('|'));
    });
    test(`${name}: SMTPUTF8 that is not offered is missed before MAIL`, async () => {
      const server = await scripted(script(() => undefined));
      const job = await run({ host: server.host, ...settings }, { ...MESSAGE, to: ['ä@example.test'] });
      server.close();
      assert.equal(job.error.code, 'smtputf8_missing', JSON.stringify(job.error));
      assert.equal(job.error.retryable, false);
      assert.ok(!server.seen.some((line) => line.startsWith('MAIL')), server.seen.join('|'));
    });
    test(`${name}: SMTPUTF8 stands in MAIL, with SIZE and without`, async () => {
      for (const more of [['SIZE 1000000'], []]) {
        const server = await scripted(polite((verb) => (verb === 'AUTH' ? '235 ok' : undefined),
          ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'AUTH XOAUTH2', ...more]));
        const used = await account({ host: server.host, ...settings });
        for (const from of ['ä@example.test', 'a@example.test']) {
          const job = await hub.run('email.send', { ...MESSAGE, from, to: ['ö@example.test'] },
            { account: used, max_attempts: 1 });
          assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
        }
        const plain = await hub.run('email.send', MESSAGE, { account: used, max_attempts: 1 });
        assert.equal(plain.state, 'succeeded', JSON.stringify(plain.error));
        server.close();
        const [first, second, third] = server.seen.filter((line) => line.startsWith('MAIL'))
          .map((line) => Buffer.from(line, 'latin1').toString());
        assert.match(first, /^MAIL FROM:<ä@example\.test>( (SMTPUTF8|BODY=8BITMIME|SIZE=\d+))+$/);
        assert.match(first, / SMTPUTF8( |$)/);
        assert.match(second, /^MAIL FROM:<a@example\.test>.* SMTPUTF8( |$)/);
        assert.match(third, /^MAIL FROM:<a@example\.test>( SIZE=\d+)?$/);
        assert.ok(server.seen.some((line) => line.startsWith('RCPT TO:<') &&
          Buffer.from(line, 'latin1').toString() === 'RCPT TO:<ö@example.test>'));
      }
    });
    test(`${name}: cancelled while it hangs`, withServer(
      script((verb) => (verb === 'MAIL' ? '' : undefined)), {}, async (server) => {
        const job = await hub.post('email.send', MESSAGE, { account: await account({
          host: server.host, ...settings, timeouts: { command_ms: 30000 } }) });
        await until(() => server.seen.some((line) => line.startsWith('MAIL')), 'MAIL is asked');
        await hub.send(`/v1/jobs/${job.id}/cancel`, {});
        const end = await hub.finished(job.id, 900 * SLOW);
        assert.ok(['cancelled', 'unknown'].includes(end.state), end.state); // hubd knows no better
      }));
  }

  test('of the mechanisms that are offered the account\'s is taken', async () => {
    for (const [method, caps, expected] of [
      ['plain', 'AUTH CRAM-MD5 PLAINER LOGIN PLAIN', 'AUTH PLAIN'],
      ['plain', 'AUTH=LOGIN PLAIN', 'AUTH PLAIN'],
      ['login', 'AUTH PLAIN LOGI LOGIN', 'AUTH LOGIN'],
      ['login', 'AUTH PLAIN CRAM-MD5', undefined],
      ['cram_md5', 'AUTH PLAIN CRAM-MD5', 'AUTH CRAM-MD5'],
      ['auto', 'AUTH CRAM-MD5', 'AUTH CRAM-MD5'], // which libesmtp cannot
    ]) {
      const server = await scripted(polite((verb, line, socket) => {
        if (verb === 'AUTH') socket.left = line.startsWith('AUTH LOGIN') ? 2 : line.endsWith('MD5') ? 1 : 0;
        else if (socket.left > 0) socket.left--;
        else return undefined;
        return socket.left > 0 ? `334 ${Buffer.from('<1@x>').toString('base64')}` : '235 ok';
      }, ['PIPELINING', caps]));
      const job = await run({ host: server.host, auth: { method, username: 'u', password: 'p' } });
      server.close();
      const said = server.seen.filter((line) => line.startsWith('AUTH'));
      assert.equal(said.length, expected ? 1 : 0, `${method}, ${caps}: ${said}`);
      assert.equal(job.error?.code, expected ? undefined : 'auth_missing', JSON.stringify(job.error));
      if (expected) assert.ok(said[0].startsWith(expected), said[0]);
    }
  });
  test('DSN that is not offered is missed before MAIL; an ENVID of 100 characters fits', async () => {
    const id = `${'x'.repeat(91)}+==`; // 91 + 3 × 3
    const dsn = { notify: ['failure'], envelope_id: id };
    const without = await scripted(polite(() => undefined, ['PIPELINING']));
    const missed = await run({ host: without.host }, { ...MESSAGE, dsn });
    without.close();
    assert.equal(missed.error.code, 'dsn_missing', JSON.stringify(missed.error));
    assert.ok(!without.seen.some((line) => line.startsWith('MAIL')), without.seen.join('|'));
    const server = await scripted(polite(() => undefined, ['PIPELINING', 'DSN']));
    const job = await run({ host: server.host }, { ...MESSAGE, dsn });
    const long = await run({ host: server.host }, { ...MESSAGE, dsn: { envelope_id: `${id}x` } });
    server.close();
    assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
    assert.ok(server.seen.includes(
      `MAIL FROM:<a@example.test> ENVID=${'x'.repeat(91)}+2B+3D+3D`), server.seen.join('|'));
    assert.ok(server.seen.some((line) => /^RCPT TO:<b@example\.test> NOTIFY=FAILURE/.test(line)));
    assert.match(long.error.message, /\/dsn\/envelope_id/);
  });
  test('nobody listens; the name is none; the address is not allowed', async () => {
    assert.equal((await run({ host: ownAddress() })).error.code, 'connect_failed');
    assert.equal((await run({ host: 'nowhere.invalid', tls: 'starttls' })).error.code, 'dns_failed');
    const blocked = await run({ host: '10.1.2.3', tls: 'starttls' }, MESSAGE, { max_attempts: 3 });
    assert.equal(blocked.error.code, 'blocked_address');
    assert.match(blocked.error.message, /private/);
    assert.equal(blocked.attempt, 1);
    const odd = await run({ host: ownAddress(), port: 2526 });
    assert.equal(odd.error.code, 'blocked_address');
  });
  test('no TLS to another machine unless it is said', async () => {
    const job = await run({ host: '192.0.2.1' });
    assert.equal(job.error.code, 'invalid_input');
    assert.match(job.error.message, /allow_plaintext/);
  });
});

describe('crashes', () => {
  test('a crash while the answer is awaited: retry sends again, hold does not', async () => {
    for (const on_unknown of ['retry', 'hold']) {
      const ids = [];
      let dots = 0;
      const server = await scripted(polite((verb, line) => {
        if (verb === 'LINE' && line.startsWith('Message-ID:')) ids.push(line);
        return verb === 'DOT' && dots++ === 0 ? '' : undefined;
      }));
      const used = await account({ host: server.host, on_unknown,
        timeouts: { final_ms: 60000 } });
      const { id } = await hub.post('email.send', MESSAGE, { account: used, max_attempts: 3 });
      await until(() => dots > 0, 'the message has left');
      const runner = fs.readdirSync('/proc').filter((one) => /^[0-9]+$/.test(one)).find((one) => {
        try {
          const status = fs.readFileSync(`/proc/${one}/status`, 'utf8');
          return new RegExp(`^PPid:\\t${hub.pid}$`, 'm').test(status) &&
            fs.readFileSync(`/proc/${one}/maps`, 'utf8').includes('libesmtp');
        } catch { return false; }
      });
      process.kill(Number(runner), 'SIGKILL');
      const job = await hub.finished(id);
      server.close();
      assert.equal(job.state, on_unknown === 'retry' ? 'succeeded' : 'unknown',
        JSON.stringify(job.error));
      assert.equal(ids.length, on_unknown === 'retry' ? 2 : 1);
      assert.equal(new Set(ids).size, 1);
    }
  });
});

describe('hubd itself is killed between the relay\'s 250 and the commit', () => {
  for (const on_unknown of ['retry', 'hold']) {
    test(`${on_unknown}: the one case that can send twice`, async () => {
      const stateDir = tempFolder();
      const flags = { http_allow_private: '127.0.0.0/8', retry_base_ms: 10 };
      const ids = [];
      const server = await scripted(polite((verb, line) => {
        if (verb === 'LINE' && line.startsWith('Message-ID:')) ids.push(line);
        // Stopped, it cannot commit what its runner is about to tell it.
        if (verb === 'DOT' && ids.length === 1) process.kill(own.pid, 'SIGSTOP');
        return undefined;
      }));
      let own = await startHubd({ flags, stateDir });
      await own.send('/v1/accounts/killed', { connector: 'email', settings: { host: server.host,
        port: 2525, tls: 'none', on_unknown, retry_schedule_s: [0] } }, { method: 'PUT' });
      const { id } = await own.post('email.send', MESSAGE, { account: 'killed', max_attempts: 3 });
      await until(() => ids.length === 1 && server.seen.at(-1) === '.', 'the relay has said 250');
      await own.kill();
      own = await startHubd({ flags, stateDir });
      const job = await own.finished(id);
      server.close();
      await own.stop();
      fs.rmSync(stateDir, { recursive: true, force: true });
      assert.equal(job.state, on_unknown === 'retry' ? 'succeeded' : 'unknown',
        JSON.stringify(job.error));
      assert.equal(ids.length, on_unknown === 'retry' ? 2 : 1);
      assert.equal(new Set(ids).size, 1);
    });
  }
});

describe('pace', () => {
  test('retries keep to a schedule like that of mail: a minute, five, fifteen', async () => {
    const server = await scripted(polite((verb) => (verb === 'RCPT' ? '450 4.2.0 later' : undefined)));
    const used = await account({ host: server.host, retry_schedule_s: undefined });
    const { id } = await hub.post('email.send', MESSAGE, { account: used });
    const waiting = await hub.reaches(id, 'scheduled');
    const wait = Date.parse(waiting.run_at) - Date.now();
    assert.ok(wait > 50_000 && wait <= 60_000, `${wait} ms`);
    assert.equal(waiting.attempts[0].code, 'deferred', JSON.stringify(waiting.attempts));
    await hub.send(`/v1/jobs/${id}/cancel`, {});
    server.close();
  });
  test('a domain\'s own pace: who is over it waits, the others do not', async () => {
    const server = await scripted(polite());
    const used = await account({ host: server.host, limits: { domain_messages_per_second: 0.01 } });
    const job = await hub.run('email.send', { ...MESSAGE,
      to: ['a@slow.test', 'b@slow.test', 'c@free.test'] }, { account: used, max_attempts: 1 });
    assert.deepEqual(job.result.recipients.map((one) => one.outcome),
      ['accepted', 'deferred', 'accepted']);
    assert.equal(server.seen.filter((line) => line.startsWith('RCPT')).length, 2);
    server.close();
  });
  test('a domain that defers is left alone, the others are not', async () => {
    const server = await scripted(polite((verb, line) =>
      (verb === 'RCPT' && line.includes('@busy.test') ? '450 4.7.1 slow down' : undefined)));
    const used = await account({ host: server.host, limits: { domain_backoff_ms: 60000 } });
    const send = (to) => hub.run('email.send', { ...MESSAGE, to }, { account: used, max_attempts: 1 });
    assert.equal((await send(['a@busy.test'])).error.code, 'deferred');
    const asked = server.seen.length;
    const second = await send(['b@busy.test']);
    assert.equal(second.error.code, 'deferred');
    assert.match(second.error.message, /not tried/);
    assert.equal(server.seen.slice(asked).filter((line) => line.startsWith('MAIL')).length, 0);
    const third = await send(['c@busy.test', 'd@free.test']);
    assert.equal(third.state, 'succeeded');
    assert.deepEqual(third.result.recipients.map((one) => one.outcome), ['deferred', 'accepted']);
    server.close();
  });
  test('messages a second', async () => {
    const server = await scripted(polite());
    const used = await account({ host: server.host,
      limits: { messages_per_second: 10, connections: 4 } });
    const begun = Date.now();
    const jobs = await Promise.all(Array.from({ length: 20 }, () =>
      hub.run('email.send', MESSAGE, { account: used, max_attempts: 1 })));
    server.close();
    assert.ok(jobs.every((job) => job.state === 'succeeded'));
    const took = Date.now() - begun; // 10 at once, 10 more in a second
    assert.ok(took > 850 && took < 5000 * SLOW, `${took} ms`);
  });
});

describe('TLS that is not what it should be', () => {
  const servers = [];
  after(() => servers.forEach((one) => one.close(() => {})));
  const serve = async (leaf, options = {}) => {
    const host = ownAddress();
    const got = [];
    const server = new SMTPServer({
      cert: leaf.cert, key: leaf.key, authOptional: true, logger: false,
      disabledCommands: options.secure ? [] : ['AUTH'],
      onData(stream, session, done) {
        stream.resume().on('end', () => { got.push(session.envelope); done(); });
      },
      ...options,
    });
    server.on('error', () => {});
    server.listen(2525, host);
    await once(server.server, 'listening');
    servers.push(server);
    return { host, got, server };
  };
  const good = authority.issue(['DNS:mx.example.test', 'DNS:*.wild.test']);

  for (const mode of ['starttls', 'implicit']) {
    const settings = { tls: mode, server_name: 'mx.example.test', ca: authority.ca };
    const secure = { secure: mode === 'implicit' };
    test(`${mode}: right`, async () => {
      const { host, got } = await serve(good, secure);
      const job = await run({ host, ...settings });
      assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
      assert.equal(got.length, 1);
    });
    test(`${mode}: another name`, async () => {
      const { host, got } = await serve(good, secure);
      for (const server_name of ['other.example.test', 'a.b.wild.test']) {
        const job = await run({ host, ...settings, server_name });
        assert.equal(job.error.code, 'tls_wrong_name', JSON.stringify(job.error));
      }
      assert.equal(got.length, 0);
    });
    test(`${mode}: not trusted`, async () => {
      const { host, got } = await serve(good, secure);
      const job = await run({ host, ...settings, ca: undefined });
      assert.equal(job.error.code, 'tls_untrusted', JSON.stringify(job.error));
      assert.equal(got.length, 0);
    });
    test(`${mode}: expired`, async () => {
      const { host, got } = await serve(authority.issue(['DNS:mx.example.test'], { expired: true }),
        secure);
      const job = await run({ host, ...settings });
      assert.equal(job.error.code, 'tls_expired', JSON.stringify(job.error));
      assert.equal(got.length, 0);
    });
    test(`${mode}: SNI is sent; TLS 1.1 is not taken; 1.3 alone is`, async () => {
      let name;
      const { host } = await serve(good, { ...secure, SNICallback: (asked, done) => {
        name = asked;
        done(null, tls.createSecureContext(good));
      } });
      assert.equal((await run({ host, ...settings })).state, 'succeeded');
      assert.equal(name, 'mx.example.test');
      const old = await serve(good, { ...secure, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0' });
      assert.equal((await run({ host: old.host, ...settings })).error.code, 'tls_failed');
      const modern = await serve(good, { ...secure, minVersion: 'TLSv1.3' });
      assert.equal((await run({ host: modern.host, ...settings })).state, 'succeeded');
    });
  }
  test('STARTTLS stripped: nothing is sent in the clear', async () => {
    for (const auth of [undefined, { username: 'u', password: 'p' },
      { username: 'u', password: 'p', method: 'plain' }]) {
      const server = await scripted(polite(() => undefined, ['AUTH PLAIN LOGIN']));
      const job = await run({ host: server.host, tls: 'starttls', server_name: 'mx.example.test', auth });
      server.close();
      assert.equal(job.error.code, 'starttls_missing', JSON.stringify(job.error));
      assert.ok(!server.seen.some((line) => /^(MAIL|AUTH)/.test(line)), server.seen.join('|'));
    }
  });
  test('more than the answer before TLS begins: not believed', async () => {
    const server = await scripted(polite((verb) =>
      (verb === 'STARTTLS' ? '220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n' : undefined), ['STARTTLS']));
    const job = await run({ host: server.host, tls: 'starttls', server_name: 'mx.example.test',
      ca: authority.ca });
    server.close();
    assert.equal(job.error.code, 'starttls_injection', JSON.stringify(job.error));
  });
});

describe('XOAUTH2', () => {
  test('a token is fetched, used, and fetched again once it is refused', async () => {
    const host = ownAddress();
    const leaf = authority.issue([`IP:${host}`]);
    let tokens = 0, good = 'token-1';
    const seen = [];
    const endpoint = https.createServer({ cert: leaf.cert, key: leaf.key }, async (req, res) => {
      const body = Buffer.concat(await req.toArray()).toString();
      assert.match(body, /grant_type=refresh_token&refresh_token=r%20t&client_id=c/);
      res.end(JSON.stringify({ access_token: `token-${++tokens}`, expires_in: 3600 }));
    });
    endpoint.listen(2525, host);
    await once(endpoint, 'listening');
    const server = await scripted(polite((verb, line) => {
      if (verb !== 'AUTH') return undefined;
      const text = Buffer.from(line.split(' ')[2] ?? '', 'base64').toString();
      seen.push(text);
      return text.includes(`Bearer ${good}\x01`) ? '235 ok' : '535 5.7.8 bad token';
    }, ['AUTH XOAUTH2']));
    const settings = { host: server.host, limits: { connections: 1, messages_per_connection: 1 },
      auth: { method: 'xoauth2', username: 'u@x', token_url: `https://${host}:2525/token`,
        client_id: 'c', client_secret: 's', refresh_token: 'r t' } };
    const used = await account(settings);
    const send = () => hub.run('email.send', MESSAGE, { account: used, max_attempts: 1 });
    assert.equal((await send()).state, 'succeeded');
    assert.equal((await send()).state, 'succeeded');
    assert.equal(tokens, 1);
    good = 'token-2';
    assert.equal((await send()).error.code, 'auth_refused');
    assert.equal((await send()).state, 'succeeded');
    assert.equal(tokens, 2);
    assert.match(seen[0], /^user=u@x\x01auth=Bearer token-1\x01\x01$/);
    server.close();
    endpoint.closeAllConnections();
    endpoint.close();
  });
});

describe('input that wants to be more', () => {
  const refused = async (input, pointer) => {
    const problem = await hub.refused(422, 'invalid_input', '/v1/jobs',
      { json: { type: 'email.send', input: { ...MESSAGE, dry_run: true, ...input } }, method: 'POST' });
    assert.ok(problem.errors.some((one) => one.pointer.startsWith(pointer)),
      `${JSON.stringify(input)}: ${JSON.stringify(problem.errors)}`);
  };
  const BREAKS = ['\r\n', '\n', '\r', '\u0085', '\u2028', '\x0b', '\x7f'];
  const EVIL = BREAKS.map((one) => `x${one}Bcc: evil@example.test`);

  test('line ends in any header or address are refused, with the pointer', async () => {
    for (const evil of EVIL) {
      await refused({ subject: evil }, '/input/subject');
      await refused({ from: { address: 'a@b.test', name: evil } }, '/input/from');
      await refused({ to: [`a@b.test${evil}`] }, '/input/to');
      await refused({ to: ['ok@b.test', { address: 'a@b.test', name: evil }] }, '/input/to');
      await refused({ headers: { 'X-A': evil } }, '/input/headers/X-A');
      await refused({ message_id: `${evil}@x` }, '/input/message_id');
      await refused({ envelope: { from: `a@b.test${evil}` } }, '/input/envelope');
      await refused({ list_unsubscribe: { url: `https://x/${evil}` } }, '/input/list_unsubscribe/url');
      await refused({ dsn: { envelope_id: evil } }, '/input/dsn/envelope_id');
      await refused({ attachments: [{ file: { data: 'eA==' }, name: evil }] }, '/input/attachments/0');
      await refused({ attachments: [{ file: { data: 'eA==' }, content_id: evil }] },
        '/input/attachments/0');
    }
  });
  test('commands in addresses are refused', async () => {
    for (const address of ['a@b.test>\r\nRCPT TO:<evil@x.test', 'a@b.test> NOTIFY=NEVER', '<>', '<a@b.test>',
      'a b@c.test', '"a\\"b"@c.test', 'a@b.test,c@d.test', 'a@', '@b', 'a', 'a@b@c>', 'a@b.test\0',
      'a@b c', 'a@<b>', '(x)a@b.test', `${'a'.repeat(65)}@b.test`]) {
      if (address.includes('\0')) continue; // JSON with U+0000 is refused as such
      await refused({ to: [address] }, '/input/to');
      await refused({ envelope: { to: [address] } }, '/input/envelope');
    }
  });
  test('headers that are ours to write, or are none, are refused', async () => {
    for (const name of ['Bcc', 'From', 'DKIM-Signature', 'Content-Type', 'X A', 'X:', 'X-', 'Received',
      'Return-Path', 'X-A\r\nBcc']) {
      await refused({ headers: { [name]: 'x' } }, '/input/headers');
    }
  });
  test('what comes by a template passes the second door', async () => {
    const job = await hub.run('email.send', { from: 'a@b.test', to: 'c@d.test', dry_run: true,
      template: { subject: '{{x}}', text: 'x', data: { x: 'a\r\nBcc: evil@x.test' } } });
    assert.equal(job.error.code, 'invalid_input');
    assert.match(job.error.message, /\/subject/);
  });
  test('domains that are none, too many recipients, stray brackets', async () => {
    const failed = async (input) => (await hub.run('email.send',
      { ...MESSAGE, dry_run: true, ...input })).error;
    assert.match((await failed({ to: ['a@-b.test'] })).message, /\/to\/0/);
    assert.match((await failed({ to: [`a@${'x'.repeat(64)}.test`] })).message, /\/to\/0/);
    assert.match((await failed({ headers: { 'X-A': 'a <b> c' } })).message, /X-A/);
    const many = (prefix) => Array.from({ length: 600 }, (_, i) => `${prefix}${i}@b.test`);
    assert.match((await failed({ to: many('a'), cc: many('b') })).message, /1000 recipients/);
  });
});
