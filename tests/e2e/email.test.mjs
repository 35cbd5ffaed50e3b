// email.send against a real Postfix, with Dovecot for AUTH, in confined runners. What arrives is read
// from its Maildir, byte by byte, and by readers that nobody here wrote.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { simpleParser } from 'mailparser';

import { SANITIZED, startHubd, tempFolder } from './lib/hubd.mjs';
import { canRunPostfix, makeAuthority, PASSWORD, startPostfix, USER } from './lib/postfix.mjs';

const skip = canRunPostfix ? false : 'needs root and Postfix';

/** What a delivery agent has put in front is not the message. */
const asSent = (raw) => {
  const text = raw.toString('latin1').replace(/\r?\n/g, '\r\n');
  const at = text.search(/^(Date|DKIM-Signature): /m);
  return Buffer.from(text.slice(at), 'latin1');
};

describe('over Postfix', { skip }, () => {
  let hub, relay, authority;
  const keys = {
    rsa: crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ed: crypto.generateKeyPairSync('ed25519'),
  };

  before(async () => {
    authority = makeAuthority();
    const { certFile, keyFile } = authority.issue(['DNS:relay.example.test']);
    relay = await startPostfix({ tls: { certFile, keyFile, auth: true } });
    hub = await startHubd({ flags: { http_allow_private: '127.0.0.0/8', retry_base_ms: 10 } });
    const tls = { server_name: 'relay.example.test', ca: authority.ca };
    const auth = { username: USER, password: PASSWORD };
    await account('plain', { tls: 'none' });
    await account('starttls', { ...tls, auth });
    await account('implicit', { ...tls, tls: 'implicit', port: 465, auth });
    for (const method of ['plain', 'login', 'cram_md5']) {
      await account(`auth_${method}`, { ...tls, auth: { ...auth, method } });
    }
    await account('signed', {
      tls: 'none',
      dkim: [
        { domain: 'example.test', selector: 'rsa', private_key: pem(keys.rsa) },
        { domain: 'example.test', selector: 'ed', private_key: pem(keys.ed) },
      ],
    });
  });
  after(async () => {
    await hub?.stop();
    await relay?.stop();
  });

  const pem = (pair) => pair.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const account = async (name, settings) => {
    const response = await hub.send(`/v1/accounts/${name}`, {
      connector: 'email',
      settings: { host: relay.host, port: relay.port, ...settings },
    }, { method: 'PUT' });
    assert.ok(response.ok, await response.text());
  };
  const run = (input, more = {}) =>
    hub.run('email.send', { from: 'shop@example.test', ...input }, { account: 'plain', ...more });
  const sent = async (input, more) => {
    const job = await run(input, more);
    assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
    return job.result;
  };
  const arrives = async (subject) => simpleParser((await relay.mail(`Subject: ${subject}`))[0]);

  describe('ways in', () => {
    for (const name of ['plain', 'starttls', 'implicit']) {
      test(`a message arrives: ${name}`, async () => {
        const result = await sent({ to: ['ann@example.test'], subject: `way-${name}`, text: 'Hi' },
          { account: name });
        assert.equal(result.accepted, 1);
        assert.equal(result.server, relay.host);
        assert.match(result.recipients[0].text, /queued/);
        await relay.mail(`Subject: way-${name}`);
      });
    }
    for (const method of ['plain', 'login', 'cram_md5']) {
      test(`AUTH ${method}`, async () => {
        await sent({ to: 'ann@example.test', subject: `auth-${method}`, text: 'Hi' },
          { account: `auth_${method}` });
        assert.match(relay.log(),
          new RegExp(`sasl_method=${method.replace('_', '-').toUpperCase()}`));
      });
    }
    test('wrong password: told, not retried, no other way tried', async () => {
      for (const [name, settings] of Object.entries({
        wrong1: {}, wrong2: { auth: { method: 'plain', username: USER, password: 'no' } },
      })) {
        await account(name, {
          server_name: 'relay.example.test', ca: authority.ca,
          auth: { username: USER, password: 'no' }, ...settings,
        });
        const job = await run({ to: 'ann@example.test', text: 'x', subject: 'never' },
          { account: name });
        assert.equal(job.state, 'failed');
        assert.equal(job.error.code, 'auth_refused', JSON.stringify(job.error));
        assert.equal(job.attempt, 1);
        assert.ok(!JSON.stringify(job).includes('password'));
      }
      assert.equal(relay.log().match(/SASL \S+ authentication failed/g).length, 2);
    });
    test('verify_account tells what it finds', async () => {
      for (const name of ['starttls', 'implicit']) {
        const job = await hub.run('email.verify_account', {}, { account: name });
        assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
        assert.equal(job.result.authenticated, true);
        assert.match(job.result.tls.version, /^TLSv1\.[23]$/);
        assert.match(job.result.tls.issuer, /hubd test authority/);
        assert.ok(Date.parse(job.result.tls.not_after) > Date.now());
        assert.ok(job.result.capabilities.includes('DSN'));
        assert.equal(job.result.size_max, 20000000);
      }
    });
    test('no message waits for a delayed acknowledgement', async () => {
      for (const name of ['plain', 'starttls', 'implicit']) {
        const input = { to: 'ann@example.test', subject: `fast-${name}`, text: 'x'.repeat(3000) };
        await account(`fast-${name}`, { ...(name === 'plain' ? { tls: 'none' } : { auth: {
          username: USER, password: PASSWORD }, ca: authority.ca, server_name: 'relay.example.test' }),
        ...(name === 'implicit' ? { tls: 'implicit', port: 465 } : {}), limits: { connections: 1 } });
        const times = [];
        for (let i = 0; i < 15; i++) {
          const begun = performance.now();
          await sent(input, { account: `fast-${name}` });
          times.push(performance.now() - begun);
        }
        times.sort((a, b) => a - b);
        // It would hit every message, so that the fastest tells, however busy the machine is.
        if (!SANITIZED) assert.ok(times[0] < 35, `${name}: ${times[0]} ms at best`);
      }
    });
    test('connections outlive jobs', async () => {
      for (const name of ['one', 'two']) {
        await account(name, { tls: name === 'one' ? 'none' : 'implicit', port: name === 'one' ? 2525 : 465,
          server_name: 'relay.example.test', ca: authority.ca, limits: { connections: 1 },
          ...(name === 'one' ? {} : { auth: { username: USER, password: PASSWORD } }) });
      }
      const before = relay.log().match(/smtpd\[\d+\]: connect from/g).length;
      for (let i = 0; i < 10; i++) {
        await sent({ to: 'ann@example.test', subject: `kept-${i}`, text: 'x' }, { account: 'one' });
        await sent({ to: 'ann@example.test', subject: `kept-i-${i}`, text: 'x' },
          { account: 'two' });
      }
      const count = relay.log().match(/smtpd\[\d+\]: connect from/g).length - before;
      assert.equal(count, 2);
    });
  });

  describe('what arrives', () => {
    test('names, subjects and texts of any script; the same bytes as a dry run made', async () => {
      const input = {
        from: { address: 'shop@example.test', name: 'Ünï Shop, "the" 商店' },
        to: [{ address: 'ann@example.test', name: 'Анна Каренина' }, 'bob@bücher.example'],
        cc: [{ address: 'c@example.test', name: 'Plain Name' }],
        bcc: ['hidden@example.test'],
        reply_to: ['r1@example.test', 'r2@example.test'],
        sender: 'robot@example.test',
        subject: 'bytes-1 Grüße – ' + '挨拶'.repeat(40),
        text: '.leading dot\nFrom here\ntrailing blank \nÄÖÜ 😀\n' + 'long '.repeat(300),
        html: '<p>Größe</p>', priority: 'high', message_id: 'bytes-1@example.test',
        headers: { 'X-Campaign': 'spring', 'In-Reply-To': '<a@b.test>', 'X-Ünï': undefined },
      };
      const result = await sent(input);
      assert.equal(result.message_id, '<bytes-1@example.test>');
      assert.equal(result.accepted, 4);
      const [raw] = await relay.mail('bytes-1@example.test');
      const dry = await hub.run('email.send', { ...input, dry_run: true });
      assert.equal(dry.state, 'succeeded', JSON.stringify(dry.error));
      const eml = await hub.download(dry.artifacts[0].id);
      const undated = (one) => one.toString('latin1').replace(/^Date: .*$/m, 'Date: X')
        .replaceAll(/=_[0-9a-f]{16}_/g, '=_');
      assert.equal(undated(asSent(raw)), undated(eml));
      assert.ok(!/[^\x00-\x7f]/.test(eml.toString('latin1')));
      assert.ok(eml.toString().split('\r\n').every((line) => line.length <= 78));
      assert.ok(!raw.includes('hidden@example.test') || !eml.includes('hidden'));
      assert.equal(result.size, eml.length);

      const mail = await simpleParser(eml);
      assert.equal(mail.subject, input.subject);
      assert.deepEqual(mail.from.value, [{ address: 'shop@example.test', name: input.from.name }]);
      assert.equal(mail.to.value[0].name, 'Анна Каренина');
      assert.equal(mail.to.value[1].address, 'bob@bücher.example');
      assert.deepEqual(mail.replyTo.value.map((one) => one.address),
        ['r1@example.test', 'r2@example.test']);
      assert.equal(mail.text.trimEnd(), input.text.trimEnd());
      assert.equal(mail.html.trim(), input.html);
      assert.equal(mail.headers.get('x-campaign'), 'spring');
      assert.equal(mail.inReplyTo, '<a@b.test>');
      assert.match(eml.toString(), /^Importance: high\r$/m);
    });

    test('attachments, inline images and an invitation: the same bytes and names', async () => {
      const sizes = [0, 1, 56, 57, 58, 29184, 29185, 300_000];
      const files = await Promise.all(sizes.map((size) => hub.upload(crypto.randomBytes(size))));
      const bytes = await Promise.all(files.map((one) => hub.download(one.id)));
      const long = 'ein sehr langer Dateiname mit Umlauten äöü '.repeat(4).trim() + '.pdf';
      const names = files.map((_, i) => i === 7 ? long : i === 6 ? '報告書 "x".pdf' : `file-${i}.bin`);
      const ics = 'BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n';
      await sent({
        to: 'ann@example.test', subject: 'attached-1', text: 'see', html: '<img src="cid:logo@x">',
        attachments: [
          ...files.map((one, i) => ({ file: { artifact: one.id }, name: names[i],
            media_type: 'application/pdf' })),
          { file: { data: Buffer.from('PNG!').toString('base64') }, name: 'logo.png',
            media_type: 'image/png', content_id: 'logo@x' },
        ],
        calendar: { method: 'REQUEST', ics },
      });
      const [raw] = await relay.mail('Subject: attached-1');
      const mail = await simpleParser(raw, { keepCidLinks: true });
      const found = mail.attachments.filter((one) => one.contentType === 'application/pdf');
      assert.deepEqual(found.map((one) => one.filename), names);
      found.forEach((one, i) => assert.ok(one.content.equals(bytes[i]), `file ${i}`));
      const logo = mail.attachments.find((one) => one.cid === 'logo@x');
      assert.equal(logo.content.toString(), 'PNG!');
      assert.equal(logo.related, true);
      assert.match(raw.toString(), /text\/calendar; charset=utf-8;\r?\n method=REQUEST/);
      const invite = mail.attachments.find((one) => one.filename === 'invite.ics');
      assert.equal(invite.content.toString(), ics);
      // And another reader's opinion.
      const script = `
import sys, email, email.policy, json, hashlib
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
print(json.dumps([[p.get_content_type(), p.get_filename(), hashlib.sha256(p.get_payload(decode=True)).hexdigest()]
  for p in m.walk() if not p.is_multipart()]))`;
      const parts = JSON.parse(execFileSync('/usr/bin/python3', ['-c', script], { input: raw }));
      const hash = (one) => crypto.createHash('sha256').update(one).digest('hex');
      const pdfs = parts.filter((one) => one[0] === 'application/pdf');
      assert.deepEqual(pdfs.map((one) => one[1]), names);
      assert.deepEqual(pdfs.map((one) => one[2]), bytes.map(hash));
    });

    test('plain text is made of html', async () => {
      await sent({ to: 'ann@example.test', subject: 'derived-1',
        html: '<style>x{}</style><h1>T&auml;gliches</h1><ul><li>A &amp; B</li></ul>' +
          '<a href="https://x.example/">here</a>' });
      const mail = await arrives('derived-1');
      assert.equal(mail.text.trim(), 'Tägliches\n\n- A & B\nhere (https://x.example/)');
    });

    test('templates, with a locale and escaping', async () => {
      await sent({
        to: 'ann@example.test',
        template: {
          subject: 'tpl-1 {{name}}', html: '<b>{{name}}</b> {{total | money}}', locale: 'de-DE',
          data: { name: 'A & <B>', total: { amount: 123450, currency: 'EUR' } },
        },
      });
      const mail = await arrives('tpl-1');
      assert.equal(mail.subject, 'tpl-1 A & <B>');
      assert.match(mail.html, /<b>A &amp; &lt;B&gt;<\/b> 1\.234,50\s€/);
    });

    test('a local part beyond ASCII goes with SMTPUTF8', async () => {
      const result = await sent({ to: ['änne@example.test'], subject: 'utf8-1', text: 'x' });
      assert.equal(result.accepted, 1, JSON.stringify(result));
      assert.match((await relay.mail('utf8-1'))[0].toString(), /änne@example\.test/);
    });

    test('List-Unsubscribe with one click', async () => {
      await sent({ to: 'ann@example.test', subject: 'list-1', text: 'x',
        list_unsubscribe: { url: 'https://x.example/u?t=1', mailto: 'u@x.example', one_click: true } });
      const [raw] = await relay.mail('Subject: list-1');
      assert.match(raw.toString(),
        /List-Unsubscribe: <https:\/\/x\.example\/u\?t=1>,\r?\n <mailto:u@x\.example>\r?\n/);
      assert.match(raw.toString(), /List-Unsubscribe-Post: List-Unsubscribe=One-Click\r?\n/);
    });

    test('a delivery status notification that was asked for comes, and is understood', async () => {
      await sent({ from: 'sender@example.test', to: 'ann@example.test', subject: 'dsn-1', text: 'x',
        dsn: { notify: ['success'], return: 'headers', envelope_id: 'QQ314159' } });
      const [raw] = await relay.mail('QQ314159');
      const file = await hub.upload(raw);
      const job = await hub.run('email.parse_bounce', { message: { artifact: file.id } });
      assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
      assert.equal(job.result.original_envelope_id, 'QQ314159');
      assert.equal(job.result.recipients[0].address, 'ann@example.test');
      assert.match(job.result.recipients[0].action, /delivered|relayed/);
      assert.equal(job.result.recipients[0].hard, false);
      const other = await run({ to: 'ann@example.test', text: 'x', dsn: { notify: ['delay'] } },
        { account: 'implicit' });
      assert.equal(other.error.code, 'dsn_unsupported');
      assert.match(other.error.message, /\/dsn: .*starttls/);
    });

    test('DSN with SMTPUTF8, over STARTTLS, with a given AUTH method', async () => {
      await sent({ from: 'sender@example.test', to: 'bjørn@example.test', subject: 'dsn-2 ø', text: 'ø',
        dsn: { notify: ['success'], return: 'full', envelope_id: 'a+b=c' } },
      { account: 'auth_login' });
      const raw = (await relay.mail('Original-Envelope-Id: a+b=c'))[0].toString();
      assert.match(raw, /Final-Recipient: utf-8; ?bjørn@example\.test/i);
      assert.match(raw, /multipart\/report/);
      assert.match(raw, /Subject: =\?utf-8\?/i); // the whole message came back
    });
  });

  describe('signatures', () => {
    const resolver = async (name) => {
      const key = name.startsWith('rsa.')
        ? `v=DKIM1; k=rsa; p=${keys.rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`
        : `v=DKIM1; k=ed25519; p=${keys.ed.publicKey.export({ format: 'jwk' }).x
          .replaceAll('-', '+').replaceAll('_', '/')}=`;
      return [[key]];
    };

    test('RSA and Ed25519, as mailauth and python3-dkim see them', async () => {
      await sent({
        from: { address: 'shop@example.test', name: 'Größe' }, to: ['ann@example.test'],
        subject: 'signed-1 ' + 'äöü '.repeat(30), text: 'Hello  \n\n\n', html: '<p>Hello</p>',
        attachments: [{ file: { data: crypto.randomBytes(5000).toString('base64') }, name: 'a' }],
        list_unsubscribe: { url: 'https://x.example/u', one_click: true },
      }, { account: 'signed' });
      const raw = asSent((await relay.mail('s=rsa'))[0]);
      const { results } = await dkimVerify(raw, { resolver });
      assert.deepEqual(results.map((one) => one.status.result), ['pass', 'pass'],
        JSON.stringify(results.map((one) => one.status)));
      assert.ok(results.every((one) => /list-unsubscribe/i.test(one.signingHeaders.keys)));
      const folder = tempFolder();
      fs.writeFileSync(path.join(folder, 'keys.json'), JSON.stringify(Object.fromEntries(
        await Promise.all(['rsa', 'ed'].map(async (one) =>
          [`${one}._domainkey.example.test.`, (await resolver(`${one}.`))[0][0]])))));
      const script = `
import sys, json, dkim
keys = json.load(open(sys.argv[1]))
d = dkim.DKIM(sys.stdin.buffer.read())
print(json.dumps([d.verify(i, dnsfunc=lambda n, timeout=5: keys[n.decode()].encode()) for i in (0, 1)]))`;
      const verdict = execFileSync('/usr/bin/python3', ['-c', script, path.join(folder, 'keys.json')],
        { input: raw });
      assert.deepEqual(JSON.parse(verdict), [true, true]);
      // Not because they always say so:
      const forged = Buffer.from(raw.toString('latin1').replace('To: ann@', 'To: eve@'), 'latin1');
      const { results: bad } = await dkimVerify(forged, { resolver });
      assert.ok(bad.every((one) => one.status.result !== 'pass'));
      const added = Buffer.concat([Buffer.from('Subject: another\r\n'), raw]);
      const { results: more } = await dkimVerify(added, { resolver });
      assert.ok(more.every((one) => one.status.result !== 'pass'));
    });
  });

  describe('results', () => {
    test('accepted, rejected, deferred; only the deferred are tried again', async () => {
      await account('again', { tls: 'none', retry_schedule_s: [0],
        limits: { domain_backoff_ms: 1 } });
      const job = await run({ to: ['ann@example.test', 'unknown@example.test', 'full@example.test'],
        subject: 'mixed-1', text: 'x' }, { account: 'again', max_attempts: 3 });
      assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
      assert.equal(job.attempt, 3);
      const outcome = Object.fromEntries(job.result.recipients.map((one) =>
        [one.address, [one.outcome, one.code, one.enhanced]]));
      assert.deepEqual(outcome, {
        'ann@example.test': ['accepted', 250, '2.0.0'],
        'unknown@example.test': ['rejected', 550, '5.1.1'],
        'full@example.test': ['deferred', 452, '4.2.2'],
      });
      assert.equal((await relay.mail('Subject: mixed-1')).length, 1);
      assert.equal(relay.all().filter((one) => one.includes('mixed-1')).length, 1);
    });

    test('nobody takes it: failed at once, with each reason', async () => {
      const job = await run({ to: ['policy@example.test'], text: 'x' });
      assert.equal(job.state, 'failed');
      assert.equal(job.error.code, 'rejected');
      assert.equal(job.error.retryable, false);
      assert.equal(job.error.details.recipients[0].enhanced, '5.7.1');
    });

    test('a hard bounce suppresses; it can be undone', async () => {
      await account('lists', { tls: 'none' });
      const more = { account: 'lists' };
      const first = await run({ to: ['unknown@example.test'], text: 'x' }, more);
      assert.equal(first.error.code, 'rejected');
      const listed = await hub.run('email.suppressed', {}, more);
      assert.deepEqual(listed.result.suppressed.map((one) => [one.address, one.reason]),
        [['unknown@example.test', 'hard_bounce']]);
      const second = await sent({ to: ['Unknown@Example.test', 'ann@example.test'], text: 'x' }, more);
      assert.deepEqual(second.recipients.map((one) => one.outcome), ['suppressed', 'accepted']);
      await hub.run('email.unsuppress', { addresses: ['unknown@example.test'] }, more);
      const third = await run({ to: ['unknown@example.test'], text: 'x' }, more);
      assert.equal(third.error.code, 'rejected');
      await hub.run('email.suppress', { addresses: ['ann@example.test'], note: 'asked' }, more);
      const fourth = await sent({ to: ['ann@example.test'], text: 'x' }, more);
      assert.equal(fourth.suppressed, 1);
      assert.equal(fourth.accepted, 0);
    });

    test('many recipients and a list of several pages: the same ones are left out', async () => {
      await account('pages', { tls: 'none' });
      const name = (i) => `listed-${String(i).padStart(4, '0')}@example.test`;
      const add = (from, to) => hub.run('email.suppress', { addresses:
        Array.from({ length: to - from }, (_, i) => name(from + i)) }, { account: 'pages' });
      const outcomes = async (to) => (await sent({ bcc: to, text: 'x' }, { account: 'pages' }))
        .recipients.map((one) => one.outcome);
      const to = ['ann@example.test', name(0), ...Array.from({ length: 60 }, (_, i) => `n${i}@example.test`),
        name(299)];
      const expected = (...listed) => to.map((one) => (listed.includes(one) ? 'suppressed' : 'accepted'));
      assert.deepEqual(await outcomes(to), expected());
      for (let i = 0; i < 300; i += 100) {
        const { state, error } = await add(i, i + 100);
        assert.equal(state, 'succeeded', JSON.stringify(error));
      }
      assert.deepEqual(await outcomes(to), expected(name(0), name(299))); // read in pages
      // A list that is too long for so few recipients, and fewer still: asked for one by one.
      assert.deepEqual(await outcomes([...to.slice(0, 20), name(299)]),
        [...expected(name(0)).slice(0, 20), 'suppressed']);
      assert.deepEqual(await outcomes([name(7), to[0]]), ['suppressed', 'accepted']);
    });

    test('a thousand recipients', async () => {
      const to = Array.from({ length: 1000 }, (_, i) => `many-${i}@example.test`);
      const result = await sent({ bcc: to, subject: 'many-1', text: 'x' });
      assert.equal(result.accepted, 1000);
      const raw = (await relay.mail('Subject: many-1'))[0].toString();
      assert.match(raw, /To: undisclosed-recipients:;/);
      assert.ok(!asSent(Buffer.from(raw)).includes('many-7@'));
    });

    test('larger than the relay takes: refused before DATA', async () => {
      const file = await hub.upload(crypto.randomBytes(16_000_000));
      for (const name of ['plain', 'implicit']) {
        const job = await run({ to: 'ann@example.test', text: 'x',
          attachments: [{ file: { artifact: file.id } }] }, { account: name });
        assert.equal(job.error?.code, 'too_large', JSON.stringify(job));
        assert.equal(job.attempt, 1);
      }
      assert.ok(!/from=<shop@example.test>.*size=2[0-9]{7}/.test(relay.log()));
    });
  });

  describe('parsing', () => {
    test('a message with attachments, as JSON and artifacts', async () => {
      const dry = await hub.run('email.send', {
        from: { address: 'a@example.test', name: 'Ä' }, to: 'b@example.test', subject: 'Größe',
        text: 'Text ü', html: '<p>H</p>', dry_run: true,
        attachments: [{ file: { data: Buffer.from('content').toString('base64') }, name: 'übung.txt',
          media_type: 'text/plain' }],
      });
      const job = await hub.run('email.parse', { message: { job: dry.id, artifact: 'message.eml' } });
      assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
      const { result } = job;
      assert.equal(result.subject, 'Größe');
      assert.deepEqual(result.from, [{ address: 'a@example.test', name: 'Ä' }]);
      assert.equal(result.text.trim(), 'Text ü');
      assert.equal(result.html.trim(), '<p>H</p>');
      assert.equal(result.attachments[0].name, 'übung.txt');
      const artifact = job.artifacts.find((one) => one.name === result.attachments[0].artifact);
      assert.equal((await hub.download(artifact.id)).toString(), 'content');
    });

    test('a bounce suppresses those who do not exist', async () => {
      await account('bounces', { tls: 'none' });
      const status = ['Reporting-MTA: dns; mx.example.test', 'Original-Envelope-Id: E1', '',
        'Final-Recipient: rfc822; gone@example.test', 'Action: failed', 'Status: 5.1.1',
        'Diagnostic-Code: smtp; 550 5.1.1 no', '  such user', '',
        'Final-Recipient: rfc822; full@example.test', 'Action: failed', 'Status: 5.2.2', ''];
      const raw = ['From: <>', 'MIME-Version: 1.0',
        'Content-Type: multipart/report; report-type=delivery-status; boundary=b', '', '--b', '',
        'Sorry', '--b', 'Content-Type: message/delivery-status', '', ...status, '--b',
        'Content-Type: text/rfc822-headers', '', 'Message-ID: <orig@example.test>', '', '--b--', '']
        .join('\r\n');
      const file = await hub.upload(raw);
      const job = await hub.run('email.parse_bounce', { message: { artifact: file.id } },
        { account: 'bounces' });
      assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
      assert.equal(job.result.original_message_id, '<orig@example.test>');
      assert.deepEqual(job.result.recipients.map((one) => [one.address, one.status, one.hard]),
        [['gone@example.test', '5.1.1', true], ['full@example.test', '5.2.2', false]]);
      assert.match(job.result.recipients[0].diagnostic, /no\s+such user/);
      const listed = await hub.run('email.suppressed', {}, { account: 'bounces' });
      assert.deepEqual(listed.result.suppressed.map((one) => one.address), ['gone@example.test']);
      const none = await hub.run('email.parse_bounce',
        { message: { data: Buffer.from('From: a@b.c\r\n\r\nhi').toString('base64') } });
      assert.equal(none.error.code, 'not_a_bounce');
    });
  });
});
