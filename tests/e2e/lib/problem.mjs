// Refusals: problem+json as RFC 9457 wants it, and nothing of a 500.
import assert from 'node:assert/strict';

/** Asserts status, code and form; gives the problem with `headers` added. */
export async function assertProblem(response, status, code) {
  const text = await response.text();
  assert.equal(response.status, status, `${response.status}: ${text.slice(0, 2000)}`);
  assert.equal(response.headers.get('content-type'), 'application/problem+json', text);
  const problem = JSON.parse(text);
  assert.equal(problem.status, status);
  assert.equal(problem.code, code, text);
  assert.equal(problem.type, `https://hubd.dev/problems/${code}`);
  assert.equal(typeof problem.title, 'string');
  assert.ok(problem.title.length > 0);
  if (problem.detail !== undefined) assert.ok(problem.detail.length > 0);
  if ([429, 503, 507].includes(status)) {
    assert.match(response.headers.get('retry-after') ?? '', /^[1-9][0-9]*$/);
  }
  return { ...problem, headers: response.headers };
}
