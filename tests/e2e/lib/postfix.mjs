// A real Postfix with a private configuration, and Dovecot beside it for AUTH: nothing outside of a
// temporary folder is read or written, and both end with the tests. Both must be started as root.
//
//     const relay = await startPostfix();
//     relay.host, relay.port              // 127.x.y.z and 2525: a port that connectors may reach
//     await relay.mail('ann')             // the messages in her Maildir, once there is one
import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { sleep, tempFolder, until } from './hubd.mjs';

export const USER = 'hubd-relay@example.test';
export const PASSWORD = 'a päss phrase "\\';

/** An address of the loopback network that nobody else uses, so that well-known ports are free. */
export function ownAddress() {
  const byte = () => 1 + Math.floor(Math.random() * 250);
  return `127.${byte()}.${byte()}.${byte()}`;
}

/** A certificate authority and what it signs, as PEM; `days` may be negative. */
export function makeAuthority(folder = tempFolder('hubd-ca-')) {
  const run = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  run('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem',
    '-days', '2', '-subj', '/CN=hubd test authority');
  let count = 0;
  return {
    folder,
    ca: fs.readFileSync(path.join(folder, 'ca.pem'), 'utf8'),
    /** {cert, key, certFile, keyFile} for these names ("DNS:…", "IP:…"). */
    issue(names, { expired = false } = {}) {
      const name = `leaf${count++}`;
      const file = (end) => path.join(folder, `${name}.${end}`);
      fs.writeFileSync(file('ext'), `subjectAltName=${names.join(',')}\n`);
      run('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`,
        '-subj', `/CN=${name}`);
      const dates = expired
        ? ['-not_before', '20200101000000Z', '-not_after', '20200201000000Z'] : ['-days', '2'];
      if (expired) { // x509 of this OpenSSL takes no dates: ca does
        fs.writeFileSync(path.join(folder, 'index.txt'), '');
        fs.writeFileSync(path.join(folder, 'serial'), '1000');
        fs.writeFileSync(path.join(folder, 'ca.cnf'), ['[ca]', 'default_ca=d', '[d]',
          'database=index.txt', 'serial=serial', 'new_certs_dir=.', 'default_md=sha256',
          'policy=p', 'unique_subject=no', '[p]', 'commonName=supplied', ''].join('\n'));
        run('ca', '-batch', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key',
          '-in', `${name}.csr`, '-out', `${name}.pem`, '-startdate', '20200101000000Z',
          '-enddate', '20200201000000Z', '-extfile', `${name}.ext`);
      } else {
        run('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key',
          '-CAcreateserial', '-out', `${name}.pem`, '-extfile', `${name}.ext`, ...dates);
      }
      return {
        certFile: file('pem'), keyFile: file('key'),
        cert: fs.readFileSync(file('pem'), 'utf8'), key: fs.readFileSync(file('key'), 'utf8'),
      };
    },
  };
}

export async function reachable(host, port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, host, () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

async function startDovecot(folder) {
  const base = path.join(folder, 'dovecot');
  const socket = path.join(folder, 'queue', 'private', 'auth');
  fs.mkdirSync(base);
  fs.writeFileSync(path.join(folder, 'users'), `${USER}:{PLAIN}${PASSWORD}\n`, { mode: 0o644 });
  fs.writeFileSync(path.join(folder, 'dovecot.conf'), `
protocols =
ssl = no
base_dir = ${base}
state_dir = ${base}
log_path = ${folder}/dovecot.log
auth_mechanisms = plain login cram-md5
disable_plaintext_auth = no
auth_failure_delay = 0
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u ${folder}/users
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}
service auth {
  unix_listener ${socket} {
    mode = 0660
    user = postfix
    group = postfix
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty { # or whoever guessed wrong waits, and all from the same address
    mode = 0
  }
}
`);
  const child = spawn('dovecot', ['-F', '-c', path.join(folder, 'dovecot.conf')],
    { stdio: 'ignore' });
  await until(() => fs.existsSync(socket), 'dovecot listens');
  return child;
}

function configure(folder, host, { tls, size, extra }) {
  const config = path.join(folder, 'etc');
  const queue = path.join(folder, 'queue');
  for (const name of ['etc', 'queue', 'data', 'mail']) fs.mkdirSync(path.join(folder, name));
  fs.chmodSync(folder, 0o755);
  execFileSync('chown', ['postfix', path.join(folder, 'data')]);
  execFileSync('chown', ['nobody', path.join(folder, 'mail')]);
  for (const name of ['active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold',
    'incoming', 'maildrop', 'pid', 'private', 'public', 'saved', 'trace']) {
    fs.mkdirSync(path.join(queue, name));
    if (name !== 'pid') execFileSync('chown', ['postfix', path.join(queue, name)]);
  }
  execFileSync('chgrp', ['postdrop', path.join(queue, 'maildrop'), path.join(queue, 'public')]);
  fs.chmodSync(path.join(queue, 'maildrop'), 0o1730);
  fs.chmodSync(path.join(queue, 'public'), 0o710);
  const ids = (name) => execFileSync('id', [name, 'nobody']).toString().trim();
  fs.writeFileSync(path.join(config, 'main.cf'), `
compatibility_level = 3.6
queue_directory = ${queue}
data_directory = ${folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = relay.example.test
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
smtputf8_enable = yes
maillog_file = ${folder}/mail.log
maillog_file_prefixes = ${folder}
virtual_mailbox_domains = example.test, xn--bcher-kva.example
virtual_mailbox_base = ${folder}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:${ids('-u')}
virtual_gid_maps = static:${ids('-g')}
virtual_mailbox_limit = 0
message_size_limit = ${size ?? 20000000}
smtpd_recipient_restrictions = ${[
    'check_recipient_access texthash:' + folder + '/etc/recipients',
    'permit_mynetworks', 'reject'].join(', ')}
smtpd_client_connection_count_limit = 0
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_auth_enable = ${tls?.auth ? 'yes' : 'no'}
smtpd_sasl_security_options = noanonymous
smtpd_tls_security_level = ${tls ? 'may' : 'none'}
${tls ? `smtpd_tls_cert_file = ${tls.certFile}\nsmtpd_tls_key_file = ${tls.keyFile}` : ''}
smtpd_tls_loglevel = 0
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 100000
smtpd_soft_error_limit = 100000
smtpd_junk_command_limit = 100000
recipient_delimiter = +
enable_long_queue_ids = yes
${extra ?? ''}
`);
  fs.writeFileSync(path.join(config, 'recipients'), [
    'unknown@example.test 550 5.1.1 no such user here',
    'full@example.test 452 4.2.2 mailbox full',
    'policy@example.test 554 5.7.1 not today', ''].join('\n'));
  const inet = (port, command) => `${host}:${port} inet n - n - - ${command}`;
  fs.writeFileSync(path.join(config, 'master.cf'), [
    inet(2525, 'smtpd'),
    ...(tls ? [inet(465, 'smtpd -o smtpd_tls_wrappermode=yes')] : []),
    'pickup unix n - n 60 1 pickup', 'cleanup unix n - n - 0 cleanup', 'qmgr unix n - n 300 1 qmgr',
    'tlsmgr unix - - n 1000? 1 tlsmgr', 'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce', 'defer unix - - n - 0 bounce', 'trace unix - - n - 0 bounce',
    'verify unix - - n - 1 verify', 'flush unix n - n 1000? 0 flush',
    'proxymap unix - - n - - proxymap', 'smtp unix - - n - - smtp', 'relay unix - - n - - smtp',
    'error unix - - n - - error', 'retry unix - - n - - error', 'discard unix - - n - - discard',
    'local unix - n n - - local', 'virtual unix - n n - - virtual', 'lmtp unix - - n - - lmtp',
    'anvil unix - - n - 1 anvil', 'scache unix - - n - 1 scache', 'postlog unix-dgram n - n - 1 postlogd',
    ''].join('\n'));
  return config;
}

/**
 * tls    {certFile, keyFile, auth}: STARTTLS on 2525 and implicit TLS on 465; auth: only with AUTH
 * size   message_size_limit
 */
export async function startPostfix({ tls, size, extra } = {}) {
  const folder = tempFolder('hubd-postfix-');
  const host = ownAddress();
  const config = configure(folder, host, { tls, size, extra });
  const dovecot = tls?.auth ? await startDovecot(folder) : null;
  const master = spawn('/usr/lib/postfix/sbin/master', ['-c', config, '-d'],
    { stdio: ['ignore', 'ignore', 'pipe'], detached: false });
  let errors = '';
  master.stderr.setEncoding('utf8').on('data', (text) => { errors += text; });
  const kill = () => { master.kill('SIGTERM'); dovecot?.kill('SIGTERM'); };
  process.on('exit', kill);
  const log = () => {
    const file = path.join(folder, 'mail.log');
    return errors + (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');
  };
  await until(() => reachable(host, 2525), 'postfix listens').catch((error) => {
    kill();
    throw new Error(`${error.message}\n${log()}`);
  });

  /** Raw messages that have arrived for anybody, oldest first. */
  const all = () => {
    const found = path.join(folder, 'mail', 'all', 'new');
    if (!fs.existsSync(found)) return [];
    return fs.readdirSync(found).map((name) => path.join(found, name))
      .sort((a, b) => fs.statSync(a).mtimeMs - fs.statSync(b).mtimeMs)
      .map((file) => fs.readFileSync(file));
  };
  return {
    host, port: 2525, folder, log, all,
    /** Those with this text in them, once there are `count`. */
    async mail(text, count = 1) {
      let found = [];
      await until(() => {
        found = all().filter((one) => one.includes(text));
        return found.length >= count;
      }, `${count} messages with ${text}`, 15_000).catch((error) => {
        throw new Error(`${error.message}\n${log().slice(-3000)}`);
      });
      return found;
    },
    async stop() {
      process.off('exit', kill);
      for (const child of [master, dovecot].filter(Boolean)) {
        const ended = child.exitCode === null ? once(child, 'exit') : null;
        child.kill('SIGTERM');
        await Promise.race([ended, sleep(5000)]);
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      }
    },
  };
}

export const canRunPostfix = process.getuid() === 0 && fs.existsSync('/usr/sbin/postfix') &&
  os.platform() === 'linux';
