// Reads the SDK's requests as operations, and writes answers and errors in the protocols of AWS services.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AwsFailure } from './aws-failure.ts';
import { etagOf, type StoredObject } from './aws-s3.ts';

/** What a request may have in bytes: more than any of the services takes. */
const LARGEST_REQUEST = 16_000_000;

/** A request, as its service's protocol has it. */
export interface Call {
  readonly operation: string;
  /**
   * awsJson1.1 for Secrets Manager, SSM and CloudWatch Logs, awsQuery for SNS, restXml for S3, restJson1 for Security
   * Hub.
   */
  readonly protocol: 'json' | 'query' | 'rest-xml' | 'rest-json';
  readonly input: Readonly<Record<string, unknown>>;
  readonly form: URLSearchParams;
  readonly body: Buffer;
  readonly secretIds: readonly string[];
}

export function readCall(request: IncomingMessage, body: Buffer): Call {
  const none = { input: {}, form: new URLSearchParams(), body, secretIds: [] };
  const rest = restOperation(request);
  if (rest !== undefined) return { ...none, ...rest };
  const target = /^(?:secretsmanager|Logs_20140328|AmazonSSM)\.(\w+)$/.exec(
    String(request.headers['x-amz-target']),
  )?.[1];
  const form = new URLSearchParams(target === undefined ? body.toString() : '');
  if (target === undefined) return { ...none, operation: form.get('Action') ?? 'unknown', protocol: 'query', form };
  const input = JSON.parse(body.toString()) as Readonly<Record<string, unknown>>;
  const ids = input.SecretIdList ?? input.SecretId ?? [];
  const secretIds = (Array.isArray(ids) ? ids : [ids]).map(String);
  return { ...none, operation: target, protocol: 'json', input, secretIds };
}

/** Of services whose operations are methods and paths: the signature's scope says which service it is. */
function restOperation(request: IncomingMessage): Pick<Call, 'operation' | 'protocol'> | undefined {
  const service = /Credential=[^/]+\/\d+\/[\w-]+\/(\w+)\//.exec(request.headers.authorization ?? '')?.[1];
  const { method = '' } = request;
  if (service === 's3') {
    const operation = { PUT: 'PutObject', GET: 'GetObject' }[method] ?? method;
    const isList = queryOf(request).has('list-type');
    return { operation: isList ? 'ListObjectsV2' : operation, protocol: 'rest-xml' };
  }
  if (service !== 'securityhub') return undefined;
  const path = pathOf(request);
  return { operation: path === '/findings/import' ? 'BatchImportFindings' : path, protocol: 'rest-json' };
}

export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/';
}

export function queryOf(request: IncomingMessage): URLSearchParams {
  return new URLSearchParams((request.url ?? '/').split('?')[1] ?? '');
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_REQUEST) throw new RangeError(`a request may have ${LARGEST_REQUEST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function respondJson(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() });
  response.end(JSON.stringify(body));
}

/** @param unlessEtag - The header `if-none-match`. */
export function respondObject(
  response: ServerResponse,
  { body, contentType, contentEncoding }: StoredObject,
  unlessEtag?: string | string[],
): void {
  const etag = etagOf(body);
  if (unlessEtag === etag) {
    response.writeHead(304, { etag }).end();
    return;
  }
  response.writeHead(200, {
    etag,
    'content-length': body.length,
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
    ...(contentEncoding === undefined ? {} : { 'content-encoding': contentEncoding }),
  });
  response.end(body);
}

/** @param result - What stands within `<OperationResult>`, as XML. */
export function respondXml(response: ServerResponse, operation: string, result: string): void {
  response.writeHead(200, { 'content-type': 'text/xml' });
  response.end(
    `<${operation}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><${operation}Result>${result}` +
      `</${operation}Result><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></${operation}Response>`,
  );
}

/** A page of ListObjectsV2. */
export function respondKeys(
  response: ServerResponse,
  { keys, next }: { readonly keys: readonly string[]; readonly next: string | undefined },
): void {
  const contents = keys.map((key) => `<Contents><Key>${escapeXml(key)}</Key></Contents>`).join('');
  const token = next === undefined ? '' : `<NextContinuationToken>${escapeXml(next)}</NextContinuationToken>`;
  response.writeHead(200, { 'content-type': 'application/xml' });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>` +
      `${token}${contents}</ListBucketResult>`,
  );
}

export function respondFailure(response: ServerResponse, protocol: Call['protocol'], failure: AwsFailure): void {
  const { code, message, status } = failure;
  if (protocol === 'json') {
    respondJson(response, { __type: code, message }, status);
    return;
  }
  if (protocol === 'rest-json') {
    response.setHeader('x-amzn-errortype', code);
    respondJson(response, { Code: code, Message: message }, status);
    return;
  }
  response.writeHead(status, { 'content-type': 'text/xml' });
  if (protocol === 'rest-xml') {
    response.end(
      `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${escapeXml(message)}</Message>` +
        `<RequestId>${randomUUID()}</RequestId></Error>`,
    );
    return;
  }
  response.end(
    `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>${status < 500 ? 'Sender' : 'Receiver'}</Type>` +
      `<Code>${code}</Code><Message>${escapeXml(message)}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
  );
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
