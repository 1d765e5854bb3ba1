// What is read from connection logs: text that servers write, and that clients write into it.

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { LoginAggregator, type Logins } from '../../lambda/analysis/connection-log/logins.ts';
import { ConnectionLogReader } from '../../lambda/analysis/connection-log/reader.ts';
import { strangeText } from '../generators/arbitraries.ts';
import { check, type FuzzTarget, throwingOnly } from '../generators/fuzz-target.ts';

const PARTS = fc.oneof(
  fc.constantFrom(
    ' SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)',
    ' SSL enabled (',
    ' GSS (authenticated=yes, encrypted=yes, principal=a)',
    ' application_name=',
    ' database=',
    'connection authorized: user=a',
    'connection received: host=[local]',
    '2026-11-28 08:17:06.123 UTC [1] LOG:  ',
    '\n',
    '\n\t',
    '\0',
    '"',
    ',',
    '{"message":"',
    '"}',
  ),
  strangeText.map((text) => text.slice(0, 100)),
);
const text = fc.array(PARTS, { maxLength: 12 }).map((parts) => parts.join(''));
const HEAD = '2026-11-28 08:17:06.123 UTC [7] LOG:  ';

/** First lines, by which each format is recognised, and what each line begins with. */
const FORMATS = [
  ['', ''],
  [`${HEAD}x\n`, HEAD],
  [`2026-11-28T08:17:06Z stderr F ${HEAD}x\n`, `2026-11-28T08:17:06Z stderr F ${HEAD}`],
  [`Nov 28 08:17:06 db postgres[7]: [1-1] ${HEAD}x\n`, `Nov 28 08:17:06 db postgres[7]: [2-1] ${HEAD}`],
  ['2026-11-28 08:17:06.123 UTC,"a","b",1,"10.0.0.7:1"\n', '2026-11-28 08:17:06.123 UTC,"a","b",1,"10.0.0.7:1"'],
  ['{"error_severity":"LOG"}\n', '{"error_severity":"LOG","message":"'],
  ['{"record":{"error_severity":"LOG"}}\n', '{"record":{"error_severity":"LOG","message":"'],
  ['{"events":[', '{"logStreamName":"a","message":"'],
  ['@timestamp,@message\n', '2026-11-28,"'],
  ['2026-11-28 08:00:00.123 UTC [12] LOG C-0x55d: ', 'a/b@10.0.0.7:5 login attempt: db='],
] as const;

function readLog(log: string, piece = log.length): Logins | undefined {
  const aggregator = new LoginAggregator({ clients: 20, failures: 20, connections: 20 });
  const reader = new ConnectionLogReader({ onEvent: (event, record) => aggregator.add(event, record) });
  const read = throwingOnly(['UnknownFormatError'], () => {
    const bytes = Buffer.from(log);
    for (let at = 0; at < bytes.length; at += Math.max(1, piece))
      reader.push(bytes.subarray(at, at + Math.max(1, piece)));
    reader.end();
    return true;
  });
  return read === undefined ? undefined : aggregator.result();
}

const anyLog: FuzzTarget = {
  name: 'connection-log',
  title: 'any text as a connection log: read or refused, and counted',
  share: 1,
  prepare: () => ({
    property: fc.property(
      fc.array(text, { maxLength: 4 }),
      fc.constantFrom(...FORMATS),
      fc.nat(50),
      (lines, form, piece) => {
        const [first, begin] = form;
        const log = first + lines.map((line) => begin + line).join('\n');
        const logins = readLog(log);
        check(isDeepStrictEqual(readLog(log, piece), logins), 'pieces are read as something else than the whole');
        if (logins === undefined) return;
        const counted = logins.clients.reduce((sum, row) => sum + row.logins, 0);
        check(counted === logins.total, 'the rows do not add up to the logins');
        check(logins.clients.length <= 30 && logins.failures.length <= 21, 'more rows than the bound');
      },
    ),
  }),
};

/** An application's name on one line: the server escapes the rest. */
const application = text.map((raw) => raw.replaceAll(/[^\x20-\x7e]/g, '?'));

const forgery: FuzzTarget = {
  name: 'forged-login',
  title: 'an application name never makes a login over TLS worse, nor hides that it holds two tails',
  share: 1,
  prepare: () => ({
    property: fc.property(application, (name) => {
      const tail = ' SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)';
      const login = (end: string): Logins | undefined =>
        readLog(
          `${HEAD}connection received: host=10.0.0.7 port=1\n${HEAD}connection authorized: user=a database=b application_name=${name}${end}\n`,
        );
      const [bare] = login('')?.clients ?? [];
      check(bare !== undefined, 'the login is not read');
      const claims = / (?:SSL enabled|GSS) \(/.test(` ${name}`);
      check(claims || bare?.transport === 'plaintext', 'a name without a tail makes the transport better');
      const [real] = login(tail)?.clients ?? [];
      const isMarked = real?.forged === true && real.transport === 'plaintext';
      check(isMarked || real?.transport === 'tls', 'a login over TLS is read as another');
      check(isMarked || !/ (?:SSL enabled|GSS) \(/.test(name), 'a second tail is not marked');
    }),
  }),
};

export const CONNECTION_LOG_TARGETS: readonly FuzzTarget[] = [anyLog, forgery];
