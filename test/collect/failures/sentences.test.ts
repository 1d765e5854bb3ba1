// What is said of credentials that can't be used reads as one sentence, with an instruction beside it.

import { describe, expect, test } from 'vitest';
import { targetOf } from '../../../lab/collector.ts';
import { createTrustStore } from '../../../lambda/collect/connect/trust.ts';
import { parseCredentials } from '../../../lambda/collect/secrets/credentials.ts';
import { createSourceReader } from '../../../lambda/collect/secrets/sources.ts';
import type { AuditFailure } from '../../../lambda/model/failure.ts';
import type { CaSource, ClientCertificateSource } from '../../../lambda/model/target.ts';
import { failureOf } from '../canary.ts';

const STORED: readonly string[] = [
  ...['', '{', '[]', 'null', '5432', 'x', '"x"', '{}', '{"host":"h"}', '{"username":"u"}', '{"host":1,"username":"u"}'],
  ...['{"host":"a,b","username":"u"}', '{"host":"::1%lo","username":"u"}', '{"host":"h:1","port":2,"username":"u"}'],
  ...['{"host":"h","username":"u","dbname":"a?b=c"}', '{"host":"h","username":"postgres://u:p@h"}'],
  ...['{"postgres":{"host":"h"}}', '{"PGUSER":"a","DB_USER":"b"}', 'PGHOST=h\nPGPASSWORD=a#b', '{"url":"x"}'],
  ...['postgres://u@a,b', 'postgres://u@h:x', 'postgres://u@h#', 'postgres://u:%@h', 'postgres://u@h/a\tb'],
  ...['postgres://u@[::1%25lo]', 'host=/tmp user=u', 'host=a_/b user=u', 'host=h user=', "host=h user='x", 'host=h\0'],
  ...[
    'Host=a,b;Username=u',
    'Host=h;Port=x;Username=u',
    'Host=h;Username=u;Database=a?b=c',
    'postgres://u@h/a%3Fpassword=b',
  ],
];

const TRUST: readonly (readonly [readonly CaSource[], ClientCertificateSource | undefined])[] = [
  [[{ secret: 'broken' }], undefined],
  [[{ secret: 'broken', key: 'ca' }], undefined],
  [[{ secret: 'json', key: 'ca' }], undefined],
  [[{ secret: 'json' }], undefined],
  [[{ file: '/none' }], undefined],
  [[{ file: '/' }], undefined],
  [['system'], { secret: 'broken' }],
  [['system'], { secret: 'json' }],
  [['system'], { certificateFile: '/none', keyFile: '/none' }],
];

const CONTENTS: Readonly<Record<string, string>> = { broken: 'x', json: '{"other":"x"}' };
const sources = createSourceReader(
  { get: (id) => Promise.resolve(CONTENTS[id] ?? ''), refresh: (id) => Promise.resolve(CONTENTS[id] ?? '') },
  {},
);

/** One sentence with a subject and a verb, nothing said twice, no sign doubled. */
function expectSentence({ failure: { message, remedy } }: AuditFailure): void {
  expect(message).toMatch(/^(?:The|There|Secrets|AWS|No|OpenSSL) /);
  expect(message).not.toMatch(/\b(\w+) \1\b|[.,;:!?]{2}|\s[.,;]|\s\s|\.$|undefined|null|\[object/);
  // A second subject where the first one's verb belongs.
  expect(message).not.toMatch(/^The (?:secret|environment variable|file) \S+ the /);
  expect(message).toMatch(/ (?:is|are|has|have|holds|names|can't|cannot|could|may|refuses|does|was) /);
  expect(remedy).toMatch(/^\S/);
  expect(remedy).not.toMatch(/\b(\w+) \1\b|[,;:!?]{2}|\s[.,;]|\s\s|\.$|undefined|null|\[object/);
}

describe('a sentence', () => {
  test.each(STORED)('is what is said of %j', async (text) => {
    expectSentence(await failureOf(() => parseCredentials(text, 'secret s', targetOf({}))));
  });

  test.each(TRUST)('is what is said of the trust in %j with %j', async (ca, clientCertificate) => {
    expectSentence(await failureOf(() => createTrustStore(sources).trustFor(ca, clientCertificate)));
  });

  test.each([{ env: 'NONE' }, { file: '/none' }, { file: '/' }])('is what is said of the source %j', async (source) => {
    expectSentence(await failureOf(() => sources.read(source)));
  });
});
