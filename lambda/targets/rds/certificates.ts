// Reads until when RDS uses each of its certificate authorities.

import { DescribeCertificatesCommand, type RDSClient } from '@aws-sdk/client-rds';
import { PAGE_SIZE, readAll } from './paging.ts';

/**
 * By the identifier of the authority: the end of its certificate, as ISO 8601, UTC.
 *
 * @throws what the SDK throws; UnexpectedAnswerError
 */
export async function readAuthorities(client: RDSClient, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const certificates = await readAll(async (Marker) => {
    const { Certificates = [], Marker: marker } = await client.send(
      new DescribeCertificatesCommand({ MaxRecords: PAGE_SIZE, Marker }),
      { abortSignal: signal },
    );
    return { entries: Certificates, marker };
  });
  return new Map(
    certificates.flatMap(({ CertificateIdentifier, ValidTill }) => {
      const end = momentOf(ValidTill);
      return CertificateIdentifier === undefined || end === undefined ? [] : [[CertificateIdentifier, end] as const];
    }),
  );
}

/** ISO 8601, UTC; undefined for what is no moment. */
export function momentOf(date: Date | undefined): string | undefined {
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
