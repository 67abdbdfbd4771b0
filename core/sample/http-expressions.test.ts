// Goal: what a configuration writes reaches the HTTP fetches as they expect it. Method: texts through the parser and the
// compiler of expressions, on real requests.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileExpression } from './compile.ts';
import { parseExpression } from './expression-parse.ts';
import { requestSubject, textOf } from './fixture-http.ts';
import { LanguageBench } from './fixture-language.ts';
import { Sample } from './types.ts';

const bench = new LanguageBench();
const subject = requestSubject(
  'POST /p;v=7?a=1&b=2&A=3 HTTP/1.1\r\nHost: h\r\nX-List: 1, 2\r\nX-List: 10.0.0.1\r\nCookie: c=4; d=5\r\nContent-Length: 3\r\n\r\nz=9',
);

function valueOf(text: string): string | null {
  const parsed = parseExpression([text], 0, bench.scope);
  assert.ok(parsed.ok, parsed.ok ? '' : `${text}: ${parsed.error}`);
  const sample = new Sample();
  return compileExpression(parsed.ast, bench.linker).evaluate(subject, sample) ? textOf(sample) : null;
}

function errorOf(text: string): string {
  const parsed = parseExpression([text], 0, bench.scope);
  return parsed.ok ? 'accepted' : parsed.error;
}

const VALUES: Readonly<Record<string, string | null>> = {
  method: 'POST',
  path: '/p;v=7',
  'path,length': '6',
  'query(with_qm)': '?a=1&b=2&A=3',
  'query()': 'a=1&b=2&A=3',
  'req.hdr(x-list)': '10.0.0.1',
  'req.hdr(X-List,1)': '1',
  'req.hdr(x-list,-3)': '1',
  'req.hdr(x-list,0)': '10.0.0.1',
  'req.hdr(,1)': 'h',
  'req.hdr()': '3',
  'req.hdr': null,
  'hdr_ip(x-list,-1)': '10.0.0.1',
  'req.hdr_val(x-list,2)': '2',
  'req.hdr_cnt(x-list)': '3',
  'req.fhdr(x-list,1)': '1, 2',
  'req.hdr_names(;)': 'host;x-list;x-list;cookie;content-length',
  'urlp(a)': '1',
  'urlp(B,,i)': '2',
  'urlp(v,;)': '7?a=1',
  'urlp_val(b)': '2',
  'cook(d)': '5',
  'req.cook': '4',
  'req.body_param(z)': '9',
  'req.body': 'z=9',
};

test('expressions on requests give what they say', () => {
  for (const [text, value] of Object.entries(VALUES)) assert.equal(valueOf(text), value, text);
});

test('arguments that make no sense are refused in HAProxy’s words', () => {
  const occurrence = "invalid args in fetch method 'req.hdr' : header occurrence must be >= -10";
  assert.equal(errorOf('req.hdr(x,-11)'), occurrence);
  assert.equal(errorOf('query(x)'), "invalid args in fetch method 'query' : supported options are: 'with_qm'");
  assert.match(errorOf('req.hdr(x,y)'), /^fetch method 'req.hdr' : /);
});
