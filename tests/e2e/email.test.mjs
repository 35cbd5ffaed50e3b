// email.send against a real Postfix, with Dovecot for AUTH, in real runners.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startHubd } from './lib/hubd.mjs';
import { canRunPostfix, makeAuthority, PASSWORD, startPostfix, USER } from './lib/postfix.mjs';

const skip = canRunPostfix ? false : 'needs root and Postfix';

describe('over Postfix', { skip }, () => {
  let hub, relay, authority;

  before(async () => {
    authority = makeAuthority();
    const { certFile, keyFile } = authority.issue(['DNS:relay.example.test']);
    relay = await startPostfix({ tls: { certFile, keyFile, auth: true } });
    hub = await startHubd({ flags: { http_allow_private: '127.0.0.0/8', retry_base_ms: 10 } });
    await account('plain', { tls: 'none' });
    await account('starttls', { server_name: 'relay.example.test', ca: authority.ca,
      auth: { username: USER, password: PASSWORD } });
  });
  after(async () => {
    await hub?.stop();
    await relay?.stop();
  });

  const account = async (name, settings) => {
    const response = await hub.send(`/v1/accounts/${name}`, {
      connector: 'email',
      settings: { host: relay.host, port: relay.port, ...settings },
    }, { method: 'PUT' });
    assert.ok(response.ok, await response.text());
  };
  const sent = async (input, more = { account: 'plain' }) => {
    const job = await hub.run('email.send', { from: 'shop@example.test', ...input }, more);
    assert.equal(job.state, 'succeeded', JSON.stringify(job));
    return job.result;
  };

  test('a message arrives, plain', async () => {
    const result = await sent({ to: ['ann@example.test'], subject: 'one-plain', text: 'Hello' });
    assert.equal(result.accepted, 1, JSON.stringify(result));
    const [raw] = await relay.mail('Subject: one-plain');
    assert.match(raw.toString(), /\r?\n\r?\nHello\r?\n$/);
  });

  test('a message arrives, STARTTLS and AUTH', async () => {
    const result = await sent({ to: ['ann@example.test'], subject: 'one-tls', text: 'Hello' },
      { account: 'starttls' });
    assert.equal(result.accepted, 1, JSON.stringify(result));
    await relay.mail('Subject: one-tls');
  });
});
