// Raw requests and what must become of them.
//
//   refuse   the server answers `status` and closes, and no handler has seen the request
//   accept   the server answers each of `count` requests in a way that is not a refusal, and the
//            connection then still serves another request (`keeps: false`: it is closed instead)
//
// `rfc` names the section the rule comes from. `inBody`: the handler has the request already when
// the rule is broken. They are written for the test server; aimed() makes them those of another.

const H = 'Host: localhost\r\n';
const get = (fields = '', line = 'GET /healthz HTTP/1.1') => `${line}\r\n${H}${fields}\r\n`;
const post = (fields, body = '') => `POST /v1/jobs HTTP/1.1\r\n${H}${fields}\r\n${body}`;
const chunked = (body) => post('Transfer-Encoding: chunked\r\n', body);
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';

const vectors = [];
const refuse = (status, rfc, name, bytes) => vectors.push({ kind: 'refuse', status, rfc, name, bytes });
const accept = (rfc, name, bytes, { count = 1, keeps = true } = {}) =>
  vectors.push({ kind: 'accept', rfc, name, bytes, count, keeps });

// --- The request line --------------------------------------------------------------------------
refuse(400, '9112 §3', 'two spaces after the method', get('', 'GET  /healthz HTTP/1.1'));
refuse(400, '9112 §3', 'two spaces before the version', get('', 'GET /healthz  HTTP/1.1'));
refuse(400, '9112 §3', 'a tab after the method', get('', 'GET\t/healthz HTTP/1.1'));
refuse(400, '9112 §3', 'a tab before the version', get('', 'GET /healthz\tHTTP/1.1'));
refuse(400, '9112 §3', 'a space before the method', get('', ' GET /healthz HTTP/1.1'));
refuse(400, '9112 §3', 'a space after the version', get('', 'GET /healthz HTTP/1.1 '));
refuse(400, '9112 §3', 'a space in the target', get('', 'GET /health z HTTP/1.1'));
refuse(400, '9112 §3', 'no version (HTTP/0.9)', 'GET /healthz\r\n\r\n');
refuse(400, '9112 §3', 'a version but no target', get('', 'GET HTTP/1.1'));
refuse(400, '9112 §3', 'only a method', get('', 'GET'));
refuse(400, '9110 §9.1', 'a method that is no token', get('', 'G(ET /healthz HTTP/1.1'));
refuse(400, '9110 §9.1', 'a method with a NUL', get('', 'GE\0T /healthz HTTP/1.1'));
refuse(501, '9110 §9.1', 'a method in lower case', get('', 'get /healthz HTTP/1.1'));
refuse(501, '9110 §9.1', 'an unknown method', get('', 'FROB /healthz HTTP/1.1'));
refuse(501, '9112 §3', 'a method longer than any known', get('', `${'A'.repeat(500)} /healthz HTTP/1.1`));
refuse(501, '9110 §9.3.8', 'TRACE', get('', 'TRACE /healthz HTTP/1.1'));
refuse(501, '9110 §9.3.6', 'CONNECT', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n');
refuse(501, '9110 §9.1', 'PROPFIND, which llhttp knows', get('', 'PROPFIND /healthz HTTP/1.1'));
refuse(501, '9110 §9.1', 'M-SEARCH, which llhttp knows', get('', 'M-SEARCH /healthz HTTP/1.1'));
refuse(501, '9110 §9.1', 'SOURCE, which llhttp knows', get('', 'SOURCE /healthz HTTP/1.1'));
refuse(400, '9112 §3', 'a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03');
refuse(400, '9112 §3', 'bytes that are not HTTP at all', '\x00\x01\x02\x03\x04');

// --- The version -------------------------------------------------------------------------------
refuse(505, '9110 §15.6.6', 'HTTP/2.0', get('', 'GET /healthz HTTP/2.0'));
refuse(505, '9113 §3.4', 'the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
refuse(505, '9110 §15.6.6', 'HTTP/1.2', get('', 'GET /healthz HTTP/1.2'));
refuse(505, '9110 §15.6.6', 'HTTP/1.9', get('', 'GET /healthz HTTP/1.9'));
refuse(505, '9110 §15.6.6', 'HTTP/0.9 by name', get('', 'GET /healthz HTTP/0.9'));
refuse(505, '9110 §15.6.6', 'HTTP/3.0', get('', 'GET /healthz HTTP/3.0'));
refuse(400, '9112 §2.3', 'a lower-case version', get('', 'GET /healthz http/1.1'));
refuse(400, '9112 §2.3', 'a version with two digits', get('', 'GET /healthz HTTP/1.10'));
refuse(400, '9112 §2.3', 'a version with a leading zero', get('', 'GET /healthz HTTP/01.1'));
refuse(400, '9112 §2.3', 'a version without a minor number', get('', 'GET /healthz HTTP/1'));
refuse(400, '9112 §2.3', 'another protocol (ICE)', get('', 'GET /healthz ICE/1.0'));
refuse(400, '9112 §2.3', 'another protocol (RTSP)', get('', 'GET /healthz RTSP/1.0'));
accept('9112 §2.3', 'HTTP/1.0 with Host, closed afterwards', get('', 'GET /healthz HTTP/1.0'), { keeps: false });
accept('9112 §3.2', 'HTTP/1.0 without Host', 'GET /healthz HTTP/1.0\r\n\r\n', { keeps: false });
accept('9112 §9.3', 'HTTP/1.0 with keep-alive, closed all the same', get('Connection: keep-alive\r\n', 'GET /healthz HTTP/1.0'), { keeps: false });
refuse(400, '9112 §6.1', 'chunked in HTTP/1.0', `POST /v1/jobs HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`);
refuse(400, '9112 §3.2', 'two Hosts in HTTP/1.0', `GET /healthz HTTP/1.0\r\n${H}${H}\r\n`);

// --- The target --------------------------------------------------------------------------------
refuse(400, '9112 §3.2.2', 'absolute form', get('', 'GET http://localhost/healthz HTTP/1.1'));
refuse(400, '9112 §3.2.2', 'absolute form, https', get('', 'GET https://localhost/healthz HTTP/1.1'));
refuse(400, '9112 §3.2.4', 'asterisk form with GET', get('', 'GET * HTTP/1.1'));
refuse(400, '9112 §3.2.4', 'asterisk form with OPTIONS', get('', 'OPTIONS * HTTP/1.1'));
refuse(400, '9112 §3.2.3', 'authority form', get('', 'GET localhost:80 HTTP/1.1'));
refuse(400, '9112 §3.2.1', 'a target without a slash', get('', 'GET healthz HTTP/1.1'));
refuse(400, '9112 §3.2.1', 'only a query', get('', 'GET ?a=1 HTTP/1.1'));
refuse(400, '9110 §7.1', 'a fragment', get('', 'GET /healthz#top HTTP/1.1'));
refuse(400, '9110 §7.1', 'a fragment in the query', get('', 'GET /healthz?a#top HTTP/1.1'));
refuse(400, '3986 §2', 'a byte that is not ASCII', get('', 'GET /h\xc3\xa9 HTTP/1.1'));
refuse(400, '3986 §2', 'a byte that is not ASCII, in the query', get('', 'GET /healthz?\xff HTTP/1.1'));
refuse(400, '3986 §3.3', 'a quotation mark', get('', 'GET /"healthz HTTP/1.1'));
refuse(400, '3986 §3.3', 'a less-than sign', get('', 'GET /<healthz HTTP/1.1'));
refuse(400, '3986 §3.3', 'a backslash in the path', get('', 'GET /health\\z HTTP/1.1'));
refuse(400, '3986 §3.3', 'a brace in the path', get('', 'GET /{healthz} HTTP/1.1'));
refuse(400, '3986 §3.3', 'a DEL in the target', get('', 'GET /health\x7fz HTTP/1.1'));
refuse(400, '3986 §3.3', 'a NUL in the target', get('', 'GET /health\0z HTTP/1.1'));
refuse(400, '3986 §3.3', 'a form feed in the target', get('', 'GET /health\fz HTTP/1.1'));
refuse(400, '3986 §2.1', 'a percent-escape cut short', get('', 'GET /healthz?a=%4 HTTP/1.1'));
refuse(400, '3986 §2.1', 'a percent-escape that is not hex', get('', 'GET /healthz?a=%zz HTTP/1.1'));
refuse(400, '3986 §2.1', 'a lone percent at the end', get('', 'GET /healthz% HTTP/1.1'));
refuse(414, '9110 §15.5.15', 'a target over 8 KiB', get('', `GET /${'a'.repeat(8200)} HTTP/1.1`));
refuse(414, '9110 §15.5.15', 'a target that never ends', `GET /${'a'.repeat(20000)}`);
accept('3986 §3.4', 'a query', get('', 'GET /healthz?a=1&b=%20c/?: HTTP/1.1'));
accept('URL §1.3', 'a query with brackets, as browsers send it', get('', 'GET /healthz?a[b]={c|d} HTTP/1.1'));
accept('9112 §3', 'a request line of 8,000 bytes', get('', `GET /healthz?${'a'.repeat(7900)} HTTP/1.1`));

// --- Lines -------------------------------------------------------------------------------------
refuse(400, '9112 §2.2', 'bare LF after the request line', `GET /healthz HTTP/1.1\n${H}\r\n`);
refuse(400, '9112 §2.2', 'bare LF after a field', 'GET /healthz HTTP/1.1\r\nHost: localhost\nX: 1\r\n\r\n');
refuse(400, '9112 §2.2', 'bare LF as the empty line', `GET /healthz HTTP/1.1\r\n${H}\n`);
refuse(400, '9112 §2.2', 'bare LF everywhere', 'GET /healthz HTTP/1.1\nHost: localhost\n\n');
refuse(400, '9112 §2.2', 'bare CR everywhere', 'GET /healthz HTTP/1.1\rHost: localhost\r\r');
refuse(400, '9112 §2.2', 'bare CR in a value', get('X: a\rb\r\n'));
refuse(400, '9112 §2.2', 'bare CR before the colon', get('X\r: a\r\n'));
refuse(400, '9112 §2.2', 'CR CR LF at the end of a line', get('X: a\r\r\n'));
refuse(400, '9112 §2.2', 'CR X instead of the last CRLF (llhttp 8.1 takes it)', `GET /healthz HTTP/1.1\r\n${H}\rX`);
refuse(400, '9112 §2.2', 'CR CR LF instead of the last CRLF', `GET /healthz HTTP/1.1\r\n${H}\r\r\n`);
refuse(400, '9112 §2.2', 'LF CR as the empty line', `GET /healthz HTTP/1.1\r\n${H}\n\r\n`);
refuse(400, '9112 §2.2', 'a space in the empty line', `GET /healthz HTTP/1.1\r\n${H} \r\n\r\n`);
refuse(400, '9112 §2.2', 'two empty lines first', `\r\n\r\n${get()}`);
refuse(400, '9112 §2.2', 'a bare LF first', `\n${get()}`);
refuse(400, '9112 §2.2', 'a bare CR first', `\r${get()}`);
refuse(400, '9112 §2.2', 'a blank before the first line', ` \r\n${get()}`);
accept('9112 §2.2', 'one empty line first', `\r\n${get()}`);
accept('9112 §2.2', 'one empty line between two requests', `${get()}\r\n${get()}`, { count: 2 });

// --- Field names -------------------------------------------------------------------------------
refuse(400, '9112 §5.2', 'obs-fold with a space', get('X: a\r\n b\r\n'));
refuse(400, '9112 §5.2', 'obs-fold with a tab', get('X: a\r\n\tb\r\n'));
refuse(400, '9112 §5.2', 'obs-fold that hides Transfer-Encoding', post('X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n'));
refuse(400, '9112 §5.2', 'obs-fold of an empty value', get('X:\r\n b\r\n'));
refuse(400, '9112 §5.2', 'obs-fold right after the request line', `GET /healthz HTTP/1.1\r\n X: 1\r\n${H}\r\n`);
refuse(400, '9112 §5.1', 'a space before the colon', get('X : 1\r\n'));
refuse(400, '9112 §5.1', 'a tab before the colon', get('X\t: 1\r\n'));
refuse(400, '9112 §5.1', 'a space before the colon of Content-Length', post('Content-Length : 5\r\n', 'hello'));
refuse(400, '9112 §5.1', 'a space before the colon of Transfer-Encoding', post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'));
refuse(400, '9112 §5', 'an empty name', get(': 1\r\n'));
refuse(400, '9112 §5', 'a line without a colon', get('X\r\n'));
refuse(400, '9110 §5.1', 'a space inside a name', get('X Y: 1\r\n'));
for (const [name, char] of [['NUL', '\0'], ['BEL', '\x07'], ['ESC', '\x1b'], ['DEL', '\x7f'], ['quotation mark', '"'],
  ['slash', '/'], ['at sign', '@'], ['bracket', '['], ['parenthesis', '('], ['comma', ','], ['semicolon', ';'],
  ['equals sign', '='], ['question mark', '?'], ['brace', '{'], ['backslash', '\\'], ['a byte over 127', '\xe9']]) {
  refuse(400, '9110 §5.6.2', `a name with a ${name}`, get(`X${char}Y: 1\r\n`));
}
accept('9110 §5.6.2', 'a name of all odd token characters', get("!#$%&'*+-.^_`|~09az: 1\r\n"));

// --- Field values ------------------------------------------------------------------------------
for (const [name, char] of [['NUL', '\0'], ['SOH', '\x01'], ['backspace', '\b'], ['vertical tab', '\v'], ['form feed', '\f'],
  ['ESC', '\x1b'], ['unit separator', '\x1f'], ['DEL', '\x7f']]) {
  refuse(400, '9110 §5.5', `a value with a ${name}`, get(`X: a${char}b\r\n`));
}
refuse(400, '9110 §5.5', 'a NUL in Host', 'GET /healthz HTTP/1.1\r\nHost: local\0host\r\n\r\n');
accept('9110 §5.5', 'a value with bytes over 127', get('X: \xe9\xff\r\n'));
accept('9110 §5.5', 'a value with tabs and blanks around', get('X:\t a\tb \t\r\n'));
accept('9110 §5.5', 'an empty value', get('X:\r\nY: \r\n'));

// --- Sizes -------------------------------------------------------------------------------------
refuse(431, '6585 §5', 'a field over 16 KiB', get(`X: ${'a'.repeat(17000)}\r\n`));
refuse(431, '6585 §5', 'fields over 16 KiB together', get(`X: ${'a'.repeat(900)}\r\n`.repeat(20)));
refuse(431, '6585 §5', 'over 100 fields', get('X: 1\r\n'.repeat(101)));
refuse(431, '6585 §5', 'a field line that never ends', `GET /healthz HTTP/1.1\r\n${H}X: ${'a'.repeat(40000)}`);
refuse(431, '6585 §5', 'a field name over 16 KiB', get(`${'a'.repeat(17000)}: 1\r\n`));
accept('6585 §5', '100 fields', get('X: 1\r\n'.repeat(99)));
accept('6585 §5', 'fields of 15 KiB', get(`X: ${'a'.repeat(15000)}\r\n`));

// --- Host --------------------------------------------------------------------------------------
refuse(400, '9112 §3.2', 'no Host', 'GET /healthz HTTP/1.1\r\n\r\n');
refuse(400, '9112 §3.2', 'Host twice', get(H));
refuse(400, '9112 §3.2', 'Host twice, different', get('host: other\r\n'));
refuse(400, '9110 §4.2.1', 'an empty Host', 'GET /healthz HTTP/1.1\r\nHost:\r\n\r\n');
for (const value of ['a b', 'a,b', 'user@host', 'http://host', 'host/path', 'host:port', 'host:80:80', 'host:123456',
  'host:65536', ':80', '[::1', '[]', '[zz]', '::1', '[::1]x', 'a%2', 'a"b', 'a\\b', 'h\xf6st', 'host?', 'host#']) {
  refuse(400, '9110 §7.2', `Host: ${JSON.stringify(value)}`, `GET /healthz HTTP/1.1\r\nHost: ${value}\r\n\r\n`);
}
for (const value of ['localhost:7480', '127.0.0.1', '[::1]:80', 'localhost:', 'a-b.example.', 'x_y']) {
  accept('9110 §7.2', `Host: ${value}`, `GET /healthz HTTP/1.1\r\nHost: ${value}\r\n\r\n`);
}

// --- Content-Length ----------------------------------------------------------------------------
for (const value of ['+5', '-5', '5 5', '5,5', '5, 5', '0x5', '5;', '5.0', '', '"5"', '5a', 'five', '1e1', '5\t5', '\xb5']) {
  refuse(400, '9112 §6.3', `Content-Length: ${JSON.stringify(value)}`, post(`Content-Length: ${value}\r\n`, 'hello'));
}
refuse(400, '9112 §6.3', 'Content-Length twice, different', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'));
refuse(400, '9112 §6.3', 'Content-Length twice, equal', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'));
refuse(413, '9110 §8.6', 'Content-Length of 2^63', post('Content-Length: 9223372036854775808\r\n'));
refuse(413, '9110 §8.6', 'Content-Length of 2^64 + 5', post('Content-Length: 18446744073709551621\r\n', 'hello'));
refuse(413, '9110 §8.6', 'Content-Length of 40 digits', post(`Content-Length: ${'9'.repeat(40)}\r\n`));
accept('9110 §8.6', 'Content-Length', post('Content-Length: 5\r\n', 'hello'));
accept('9110 §8.6', 'Content-Length of 0', post('Content-Length: 0\r\n'));
accept('9110 §8.6', 'Content-Length with leading zeros', post('Content-Length: 0005\r\n', 'hello'));
accept('9110 §9.3.1', 'GET with a body', get('Content-Length: 5\r\n').concat('hello'));

// --- Transfer-Encoding -------------------------------------------------------------------------
refuse(400, '9112 §6.1', 'Content-Length, then Transfer-Encoding', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${smuggled}`));
refuse(400, '9112 §6.1', 'Transfer-Encoding, then Content-Length', post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', `0\r\n\r\n${smuggled}`));
refuse(400, '9112 §6.1', 'Transfer-Encoding and Content-Length: 0', post('Transfer-Encoding: chunked\r\nContent-Length: 0\r\n', '0\r\n\r\n'));
for (const value of ['gzip', 'identity', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'chunked, identity', 'xchunked',
  'chunkedx', 'chunked;q=1', '"chunked"', 'chunked,', ',chunked', '', 'chun ked', 'chunked\xa0', 'cow', "'chunked'"]) {
  refuse(400, '9112 §6.1', `Transfer-Encoding: ${JSON.stringify(value)}`, post(`Transfer-Encoding: ${value}\r\n`, `0\r\n\r\n`));
}
refuse(400, '9112 §6.1', 'Transfer-Encoding twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'));
refuse(400, '9112 §6.1', 'Transfer-Encoding identity, then chunked', post('Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'));
refuse(400, '9112 §6.1', 'Transfer-Encoding with a vertical tab', post('Transfer-Encoding:\vchunked\r\n', '0\r\n\r\n'));
refuse(400, '9112 §6.1', 'Transfer-Encoding behind a bare LF', 'POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nX: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
accept('9112 §7', 'Transfer-Encoding: Chunked', post('Transfer-Encoding: Chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'));
refuse(400, '9112 §6.1', 'Transfer-Encoding with a tab behind, which llhttp reads as another coding', post('Transfer-Encoding: chunked\t\r\n', '0\r\n\r\n'));
accept('9112 §5', 'Transfer-Encoding with blanks around', post('Transfer-Encoding: \t chunked \r\n', '5\r\nhello\r\n0\r\n\r\n'));

// --- Expect, Upgrade, Connection ---------------------------------------------------------------
refuse(417, '9110 §10.1.1', 'an unknown expectation', post('Expect: 200-ok\r\nContent-Length: 0\r\n'));
refuse(417, '9110 §10.1.1', 'an empty expectation', post('Expect:\r\nContent-Length: 0\r\n'));
refuse(417, '9110 §10.1.1', 'two expectations', post('Expect: 100-continue, x\r\nContent-Length: 0\r\n'));
accept('9110 §10.1.1', 'Expect: 100-Continue with the body at once', post('Expect: 100-Continue\r\nContent-Length: 5\r\n', 'hello'));
accept('9110 §7.8', 'Upgrade is ignored', get('Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n'));
accept('9110 §7.8', 'Upgrade with a body is ignored', post('Connection: upgrade\r\nUpgrade: foo\r\nContent-Length: 5\r\n', 'hello'));
accept('9112 §9.6', 'Connection: close', get('Connection: close\r\n'), { keeps: false });
accept('9112 §9.6', 'Connection: Keep-Alive, Close', get('Connection: Keep-Alive, Close\r\n'), { keeps: false });
accept('9110 §7.6.1', 'Connection: keep-alive', get('Connection: keep-alive\r\n'));

// --- Pipelining --------------------------------------------------------------------------------
accept('9112 §9.3.2', 'three requests at once', get() + get() + get(), { count: 3 });
accept('9112 §9.3.2', 'bodies between requests', post('Content-Length: 5\r\n', 'hello') + get() + chunked('3\r\nabc\r\n0\r\n\r\n') + get(), { count: 4 });
refuse(400, '9112 §6.3', 'what follows a body of Content-Length is a request of its own', post('Content-Length: 5\r\n', 'helloX').concat('\0'));

// --- Chunked bodies: refused when the handler has the request already ---------------------------
const bad = (rfc, name, body) => vectors.push({ kind: 'refuse', status: 400, rfc, name: `chunks: ${name}`, bytes: chunked(body), inBody: true });
bad('9112 §7.1', 'an empty size', '\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1', '0x before the size', '0x5\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1', 'a sign before the size', '+5\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1', 'a negative size', '-5\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1', 'a space before the size', ' 5\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1', 'a space after the size', '5 \r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1', 'a tab after the size', '5\t\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1', 'a size that is not hex', '5g\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1', 'an underscore in the size', '1_0\r\n0123456789abcdef\r\n0\r\n\r\n');
bad('9112 §7.1', 'a size of 17 digits', `${'0'.repeat(16)}5\r\nhello\r\n0\r\n\r\n`);
bad('9112 §7.1', 'a size over 64 bits', 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1', 'a size that wraps to 5', '10000000000000005\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1.1', 'an extension', '5;a=b\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1.1', 'an empty extension', '5;\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1.1', 'a quoted extension', '5;a="b"\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1.1', 'an extension of the last chunk', '5\r\nhello\r\n0;a\r\n\r\n');
bad('9112 §7.1.1', 'an extension with a bare LF', `5;\nhello\r\n0\r\n\r\n${smuggled}`);
bad('9112 §7.1', 'bare LF after the size', '5\nhello\r\n0\r\n\r\n');
bad('9112 §7.1', 'bare CR after the size', '5\rhello\r\n0\r\n\r\n');
bad('9112 §7.1', 'bare LF after the data', '5\r\nhello\n0\r\n\r\n');
bad('9112 §7.1', 'no CRLF after the data', '5\r\nhello0\r\n\r\n');
bad('9112 §7.1', 'data longer than the size', '5\r\nhello!\r\n0\r\n\r\n');
bad('9112 §7.1', 'two bytes other than CRLF after the data', '5\r\nhelloXX0\r\n\r\n');
bad('9112 §7.1', 'bare LF after the last size', '5\r\nhello\r\n0\n\r\n');
bad('9112 §7.1', 'bare LF as the last line', '5\r\nhello\r\n0\r\n\n');
bad('9112 §7.1', 'a NUL in the size', '5\0\r\nhello\r\n0\r\n\r\n');
bad('9112 §7.1.2', 'a trailer without a colon', '5\r\nhello\r\n0\r\nX\r\n\r\n');
bad('9112 §7.1.2', 'a folded trailer', '5\r\nhello\r\n0\r\nX: 1\r\n 2\r\n\r\n');
bad('9112 §7.1.2', 'a trailer with a space before the colon', '5\r\nhello\r\n0\r\nX : 1\r\n\r\n');
bad('9112 §7.1.2', 'a trailer without a name', '5\r\nhello\r\n0\r\n: 1\r\n\r\n');
bad('9112 §7.1.2', 'a trailer with a control character', '5\r\nhello\r\n0\r\nX: \x01\r\n\r\n');
bad('9112 §7.1.2', 'a trailer that ends in bare LF', '5\r\nhello\r\n0\r\nX: 1\n\r\n');
vectors.push({ kind: 'refuse', status: 431, rfc: '6585 §5', name: 'chunks: trailers over 16 KiB', inBody: true,
  bytes: chunked(`5\r\nhello\r\n0\r\n${`X: ${'a'.repeat(1000)}\r\n`.repeat(20)}\r\n`) });
accept('9112 §7.1', 'chunks: sizes in both cases, with leading zeros', chunked(`a\r\n0123456789\r\n00A\r\n0123456789\r\n0\r\n\r\n`));
accept('9112 §7.1', 'chunks: a last chunk of several zeros', chunked('5\r\nhello\r\n000\r\n\r\n'));
accept('9112 §7.1', 'chunks: no data at all', chunked('0\r\n\r\n'));
accept('9112 §7.1.2', 'chunks: trailers, dropped', chunked('5\r\nhello\r\n0\r\nX: 1\r\nContent-Length: 99\r\n\r\n'));
accept('9112 §7.1', 'chunks: many of one byte', chunked(`${'1\r\nx\r\n'.repeat(500)}0\r\n\r\n`));

export default vectors;

/**
 * The same vectors for hubd, which would refuse some for reasons of its own before it has read them:
 * bodies of any kind are taken at `path` from who sends `fields` (a key) only, and parameters that
 * it does not know are an error wherever there is something.
 */
export const aimed = (path, fields) => vectors.map((vector) => ({
  ...vector,
  bytes: vector.bytes.replaceAll('GET /healthz?', 'GET /nowhere?')
    .replaceAll(/POST \/v1\/jobs (HTTP\/1\.\d\r\nHost: localhost\r\n)/g, `POST ${path} $1${fields}`),
}));
