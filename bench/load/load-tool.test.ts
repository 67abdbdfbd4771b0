import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startHttpOrigin } from '../rig/origin.ts';
import { findWrk } from '../rig/peers.ts';
import { autocannonTool, type LoadTool, parseAutocannon, parseWrk, wrkTool } from './load-tool.ts';

const wrkReport = `Running 1s test @ http://127.0.0.1:19080/small
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.58ms    3.22ms  27.02ms   91.05%
    Req/Sec    30.58k     5.94k   40.48k    60.00%
  Latency Distribution
     50%  145.00us
     75%    2.41ms
     90%    5.26ms
     99%    1.05s
  30551 requests in 1.50s, 10.66MB read
Requests/sec:  30407.30
Transfer/sec:     10.61MB
`;

test('a report of wrk gives requests, time, bytes and percentiles in any of its units', () => {
  assert.deepEqual(parseWrk(wrkReport), {
    requestCount: 30_551,
    seconds: 1.5,
    bytes: 10.66 * 2 ** 20,
    p50Us: 145,
    p99Us: 1_050_000,
    errorCount: 0,
  });
  const long = parseWrk(wrkReport.replace('in 1.50s, 10.66MB', 'in 2.00m, 3.00GB').replace('1.05s', '1.00m'));
  assert.equal(long.seconds, 120);
  assert.equal(long.bytes, 3 * 2 ** 30);
  assert.equal(long.p99Us, 60_000_000);
});

test('all errors that wrk tells of are counted', () => {
  const errors = '  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 50000\n';
  assert.equal(parseWrk(wrkReport.replace('Requests/sec', `${errors}Requests/sec`)).errorCount, 54_321);
});

test('a text that is no report of wrk is refused, wholly or for the part that is missing', () => {
  assert.throws(() => parseWrk('unable to connect to 127.0.0.1:1 Connection refused'), /no report|not a report/);
  assert.throws(() => parseWrk(wrkReport.replace(/ *99%.*\n/, '')), /no 99 % line/);
});

const autocannonReport = {
  duration: 1.07,
  errors: 1,
  timeouts: 2,
  non2xx: 3,
  '2xx': 6199,
  latency: { p50: 7, p99: 62 },
  throughput: { total: 2_268_834 },
};

test('a report of autocannon gives the same figures', () => {
  assert.deepEqual(parseAutocannon(`${JSON.stringify(autocannonReport)}\n`), {
    requestCount: 6202,
    seconds: 1.07,
    bytes: 2_268_834,
    p50Us: 7_000,
    p99Us: 62_000,
    errorCount: 6,
  });
});

test('a report of autocannon that lacks a figure is refused', () => {
  for (const name of Object.keys(autocannonReport)) {
    const { [name as keyof typeof autocannonReport]: _, ...rest } = autocannonReport;
    assert.throws(() => parseAutocannon(JSON.stringify(rest)), /not a report of autocannon/, name);
  }
  assert.throws(() => parseAutocannon('oops'));
});

// Goal: what we ask of each tool is what it does. Method: one short run on an origin that counts.
async function checkTool(tool: LoadTool): Promise<void> {
  const origin = await startHttpOrigin('alder');
  try {
    const said = await tool.run(`http://127.0.0.1:${origin.port}/small`, 4, tool.secondsMin, false);
    assert.equal(said.errorCount, 0);
    assert.ok(said.requestCount > 0);
    assert.ok(origin.requestCount() >= said.requestCount, 'the tool claims more answers than the origin gave');
    assert.ok(said.seconds > 0.5 && said.seconds < 10);
    assert.ok(said.p50Us >= 0 && said.p99Us >= said.p50Us); // autocannon counts whole milliseconds
    await assert.rejects(tool.run('http://127.0.0.1:1/', 1, 1, false).then(assertAnswered));
  } finally {
    await origin.stop();
  }
}

// wrk fails when nobody listens; autocannon reports a run without a single answer.
function assertAnswered(said: { requestCount: number }): void {
  if (said.requestCount === 0) throw new Error('no request was answered');
}

test('the bundled autocannon loads an origin', () => checkTool(autocannonTool()));

test('wrk loads an origin', async (t) => {
  const path = findWrk();
  if (path === '') return t.skip('wrk is not installed');
  const tool = await wrkTool(path, 1);
  assert.match(tool.name, /^wrk \d/);
  await checkTool(tool);
});
