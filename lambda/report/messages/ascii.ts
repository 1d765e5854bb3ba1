// Text for places that take ASCII only: an SNS subject, a short message.

/** `text` in printable ASCII: accents dropped, whatever else is not ASCII shown as `?`. */
export function toAscii(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\x20-\x7e]/gu, '?');
}
