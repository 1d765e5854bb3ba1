// Validates the bodies of server messages ("Message Formats"). The driver parses them in a socket listener, where a
// missing byte would end the process. Pure.

import type { ServerMessage } from './framing.ts';
import { violation } from './protocol-error.ts';

/** The most columns that a row can have (MaxTupleAttributeNumber in htup_details.h). */
const MOST_COLUMNS = 1_664;
/** Table, column, type, its size, its modifier and the format, behind a column's name. */
const COLUMN_FACTS = 18;
const NUL = 0;

function malformed({ name }: ServerMessage): Error {
  return violation(`sent a malformed ${name}`);
}

/** @returns the index behind the text's final NUL; -1 where it has none */
function endOfText(body: Buffer, at: number): number {
  const end = body.indexOf(NUL, at);
  return end === -1 ? -1 : end + 1;
}

/** Checks that the body is that many texts, and nothing else. */
export function checkTexts(message: ServerMessage, count: number, from = 0): void {
  let at = from;
  for (let index = 0; index < count; index += 1) {
    at = endOfText(message.body, at);
    if (at === -1) throw malformed(message);
  }
  if (at !== message.body.length) throw malformed(message);
}

/** ErrorResponse and NoticeResponse: a byte of field type and a text, again and again, then a NUL. */
export function checkFields(message: ServerMessage): ReadonlyMap<string, string> {
  const { body } = message;
  const fields = new Map<string, string>();
  let at = 0;
  while (at < body.length && body[at] !== NUL) {
    const end = endOfText(body, at + 1);
    if (end === -1) throw malformed(message);
    fields.set(String.fromCharCode(body.readUInt8(at)), body.toString('latin1', at + 1, end - 1));
    at = end;
  }
  if (at !== body.length - 1) throw malformed(message);
  return fields;
}

/** The fields that every ErrorResponse has ("Error and Notice Message Fields"); failures are explained by them. */
export function checkError(message: ServerMessage): void {
  const fields = checkFields(message);
  if (!fields.has('S') || !fields.has('M') || !/^[0-9A-Z]{5}$/.test(fields.get('C') ?? '')) {
    throw violation('sent an ErrorResponse without a severity, an SQLSTATE and a message');
  }
}

/** @returns the number of columns */
export function checkRowDescription(message: ServerMessage): number {
  const { body } = message;
  if (body.length < 2) throw malformed(message);
  const columns = body.readUInt16BE(0);
  if (columns > MOST_COLUMNS) {
    throw violation(`announced rows of ${columns} columns, and PostgreSQL has ${MOST_COLUMNS} at most`);
  }
  let at = 2;
  for (let index = 0; index < columns; index += 1) {
    const end = endOfText(body, at);
    if (end === -1 || end + COLUMN_FACTS > body.length) throw malformed(message);
    at = end + COLUMN_FACTS;
    // Text was asked for; the driver would take the bytes of numbers for text.
    if (body.readUInt16BE(at - 2) !== 0) throw violation('announced a column in binary form, which was not asked for');
  }
  if (at !== body.length) throw malformed(message);
  return columns;
}

/** @param columns as RowDescription announced them */
export function checkDataRow(message: ServerMessage, columns: number): void {
  const { body } = message;
  if (body.length < 2) throw malformed(message);
  if (body.readUInt16BE(0) !== columns) throw violation('sent a row with other columns than it had announced');
  let at = 2;
  for (let index = 0; index < columns; index += 1) {
    if (at + 4 > body.length) throw malformed(message);
    const length = body.readInt32BE(at);
    at += 4;
    // NULL.
    if (length === -1) continue;
    if (length < 0 || at + length > body.length) throw malformed(message);
    at += length;
  }
  if (at !== body.length) throw malformed(message);
}

/** Checks a body of a fixed length. */
export function checkLength(message: ServerMessage, length: number): void {
  if (message.body.length !== length) throw malformed(message);
}

/** Transaction status of ReadyForQuery. */
export function checkReady(message: ServerMessage): void {
  checkLength(message, 1);
  if (!'ITE'.includes(String.fromCharCode(message.body.readUInt8(0)))) throw malformed(message);
}
