// The real clients of S3 and SSM: what is read, how often, and what is said where it can't be.

import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AwsEndpoint, type AwsOperation, startAwsEndpoint } from '../../lab/aws.ts';
import { locationFailure } from '../../lambda/loaded-config/failure.ts';
import type { ReadDocument } from '../../lambda/loaded-config/load.ts';
import { s3Document } from '../../lambda/loaded-config/s3-document.ts';
import { ssmDocument } from '../../lambda/loaded-config/ssm-document.ts';
import type { ConfigLocation } from '../../lambda/model/config-location.ts';

const KEY = 'audit/config.json';
const NAME = '/audit/config';
const DOCUMENT = '{"targets":[]}';

let aws: AwsEndpoint;

beforeEach(async () => {
  aws = await startAwsEndpoint();
  for (const [name, value] of Object.entries(aws.environment())) vi.stubEnv(name, value);
  aws.putObject(KEY, DOCUMENT);
  aws.ssm.set(NAME, DOCUMENT);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await aws[Symbol.asyncDispose]();
});

interface Place {
  readonly location: () => ConfigLocation;
  readonly read: () => ReadDocument;
  readonly operation: AwsOperation;
  readonly remove: () => void;
}

const PLACES: Readonly<Record<string, Place>> = {
  S3: {
    location: () => ({ is: 's3', bucket: aws.bucket, key: KEY }),
    read: () => s3Document({ bucket: aws.bucket, key: KEY }, { forcePathStyle: true }),
    operation: 'GetObject',
    remove: () => aws.deleteObject(KEY),
  },
  SSM: {
    location: () => ({ is: 'ssm', name: NAME }),
    read: () => ssmDocument({ name: NAME }),
    operation: 'GetParameter',
    remove: () => aws.ssm.delete(NAME),
  },
};

async function failureOf({ location }: Place, read: ReadDocument, timeoutMs = 20_000): Promise<string> {
  return await read(AbortSignal.timeout(timeoutMs)).then(
    () => 'it was read',
    (error) => locationFailure(location(), error).message,
  );
}

describe.each(Object.entries(PLACES))('%s', (name, place) => {
  test('gives the document', async () => {
    expect(String(await place.read()(AbortSignal.timeout(5_000)))).toBe(DOCUMENT);
  });

  test.each([
    ['AccessDenied', /can't be read \(AccessDenied\): put the object there, or allow .* s3:GetObject/],
    ['AccessDeniedException', /can't be read \(AccessDeniedException\): allow .* ssm:GetParameter/],
    ['KMS.DisabledException', /kms:Decrypt/],
    ['NothingThatIsKnown', /\(NothingThatIsKnown\): read the cause in the log/],
  ])('that answers %s: the sentence says what to do, and quotes nothing of the answer', async (code, sentence) => {
    aws.failNext(place.operation, { code, status: 403, message: 'arn:aws:iam::123456789012:role/hostile' });
    const failure = await failureOf(place, place.read());
    expect(failure).toMatch(sentence);
    expect(failure).not.toMatch(/hostile/);
  });

  test('that holds nothing any more', async () => {
    place.remove();
    expect(await failureOf(place, place.read())).toMatch(
      name === 'S3' ? /\(NoSuchKey\): put the object there/ : /\(ParameterNotFound\): there is no such parameter/,
    );
  });

  test('that throttles is asked again', async () => {
    aws.failNext(place.operation, { code: 'ThrottlingException', status: 400 });
    expect(String(await place.read()(AbortSignal.timeout(5_000)))).toBe(DOCUMENT);
    expect(aws.count(place.operation)).toBe(2);
  });

  test('that does not answer is given up when the time is over', async () => {
    aws.failNext(place.operation, { network: 'hang' });
    expect(await failureOf(place, place.read(), 200)).toMatch(/\((AbortError|TimeoutError)\): it did not come in time/);
  });
});

test('a service that throttles for long is given up after some attempts', async () => {
  const place = PLACES.SSM as Place;
  aws.failNext('GetParameter', { code: 'ThrottlingException', times: 5 });
  expect(await failureOf(place, place.read())).toMatch('(ThrottlingException): the service asked for fewer requests');
  expect(aws.count('GetParameter')).toBe(4);
});

describe('an object in S3', () => {
  test('is not sent again while it stays the same', async () => {
    const read = s3Document({ bucket: aws.bucket, key: KEY }, { forcePathStyle: true });
    const documents = [];
    for (const next of [DOCUMENT, DOCUMENT, '{}', DOCUMENT]) {
      aws.putObject(KEY, next);
      documents.push(String(await read(AbortSignal.timeout(5_000))));
    }
    expect(documents).toEqual([DOCUMENT, DOCUMENT, '{}', DOCUMENT]);
    const known = aws.requests.map(({ object }) => object?.context['s3:if-none-match']);
    expect(known[0]).toBeUndefined();
    expect(known[1]).toBe(known[2]);
    expect(known[3]).not.toBe(known[2]);
  });

  test('of more than a megabyte is not read', async () => {
    aws.putObject(KEY, Buffer.alloc(1024 * 1024 + 1, ' '));
    const read = s3Document({ bucket: aws.bucket, key: KEY }, { forcePathStyle: true });
    await expect(read(AbortSignal.timeout(5_000))).rejects.toThrow(/has more than 1048576 bytes/);
  });

  describe('whose service answers badly', () => {
    let server: Server;
    let answer: (response: ServerResponse) => void;
    let sent: number;

    beforeEach(async () => {
      sent = 0;
      server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
    afterEach(() => {
      server.closeAllConnections();
      server.close();
    });

    const failure = async (timeoutMs = 5_000): Promise<string> => {
      const read = s3Document({ bucket: aws.bucket, key: KEY }, { forcePathStyle: true });
      return await failureOf(PLACES.S3 as Place, read, timeoutMs);
    };

    test('without an end: it is given up after a megabyte', async () => {
      answer = (response) => {
        const write = (): void => {
          if (response.destroyed) return;
          sent += 65_536;
          if (response.write(Buffer.alloc(65_536, ' '))) setImmediate(write);
          else response.once('drain', write);
        };
        write();
      };
      expect(await failure()).toMatch(/has more than 1048576 bytes/);
      // What the sockets hold on their way is sent all the same.
      expect(sent).toBeLessThan(16 * 1024 * 1024);
    });

    test('with a byte from time to time: it is given up when the time is over', async () => {
      answer = (response) => {
        const timer = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(timer));
      };
      expect(await failure(300)).toMatch(/can't be read \(\w+\): it did not come in time/);
    });

    test('with the half of it: nothing is taken for the whole', async () => {
      answer = (response) => {
        response.writeHead(200, { 'content-length': DOCUMENT.length * 2, etag: '"half"' });
        response.write(DOCUMENT, () => response.destroy());
      };
      expect(await failure()).toMatch(/can't be read/);
    });

    test('that it has not changed, to one who never had it', async () => {
      answer = (response) => response.writeHead(304).end();
      expect(await failure()).toMatch(/can't be read/);
    });

    test('with a page of a proxy: its text is nowhere', async () => {
      answer = (response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<html>hunter2</html>');
      expect(await failure(8_000)).not.toMatch(/hunter2|it was read/);
    });
  });
});
