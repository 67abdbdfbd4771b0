// Goal: operators' words are complete and map one to one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainTermination, LOG_FACILITIES, LOG_LEVELS, letterCode } from './names.ts';

test('a termination state is explained letter by letter', () => {
  assert.deepEqual(explainTermination('sH--'), [
    'the server did not send or take data in time',
    'waiting for the response head',
    'persistence by cookie is not used',
    'persistence by cookie is not used',
  ]);
  assert.equal(explainTermination('CD').length, 2);
  assert.deepEqual(explainTermination('Z'), ["unknown letter 'Z'"]);
});

test('letters, levels and facilities have the numbers of the protocol', () => {
  assert.equal(letterCode('c'), 0x63);
  assert.equal(LOG_LEVELS.indexOf('info'), 6);
  assert.equal(LOG_FACILITIES.length, 24);
  assert.equal(LOG_FACILITIES.indexOf('daemon'), 3);
  assert.equal(LOG_FACILITIES.indexOf('local0'), 16);
});
