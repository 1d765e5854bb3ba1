// Escapes names that clients choose, such as roles and databases, for any output.

/**
 * What must not reach a terminal, a log or a message raw: control, format, surrogate, private-use and unassigned
 * characters, line and paragraph separators, and whatever else Unicode draws as nothing.
 */
const UNSAFE =
  /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|\p{M}{5}|^\p{M}|:\/\/|<(?=[!@#])|\b(?:mailto|javascript|tel|sms):(?=\S)/iu;

const EMOJI_FIRST = /^\p{RGI_Emoji}/v;

const PLAIN = /^[\x20-\x7e]*$/;

/** What mail clients and chats make links of, and mentions of people and channels: all that is unsafe in plain text. */
const MARKUP = /:\/\/|<(?=[!@#])|\b(?:mailto|javascript|tel|sms):(?=\S)/i;
const MARKUPS = new RegExp(MARKUP, 'gi');

/** An escape that a cut left without its closing brace. */
const OPEN_ESCAPE = /\\(?:u(?:\{[0-9a-f]*)?)?$/;

/** More than the longest emoji takes, so that one which straddles the end of the scanned text is never shown. */
const MARGIN = 64;

/**
 * `raw` as one line that shows what it holds and does nothing: unsafe characters become `\u{1b}`, `://` becomes `[:]//`
 * so that no mail client or chat makes a link of it, the `<` of `<!channel>` becomes `\u{3c}`, and what is longer than
 * `maxLength` ends in `…`, never within an emoji, an accented letter or an escape. Showing it twice changes nothing
 * more. An empty string stays empty.
 *
 * It is not quoting: other markup of the place it goes to (Slack, HTML) is the renderer's matter.
 *
 * @param maxLength - UTF-16 code units of the result, at most; 1 or more.
 */
export function displayText(raw: string, maxLength = 64): string {
  if (raw.length <= maxLength && PLAIN.test(raw) && !MARKUP.test(raw)) return raw;
  // Escaping never shortens, so nothing past this can be part of the result.
  const start = raw.slice(0, maxLength + MARGIN);
  const text = escaped(start);
  return text.length <= maxLength ? text : `${cut(text, maxLength - 1)}…`;
}

/** Most names are plain text, which takes a fraction of the time. */
function escaped(text: string): string {
  if (PLAIN.test(text)) return MARKUP.test(text) ? text.replace(MARKUPS, shown) : text;
  return UNSAFE.test(text) ? withEscapes(text) : text;
}

/**
 * An emoji keeps the joiners and selectors it is made of. A fifth combining mark in a row would be drawn over the lines
 * around it, one at the start over what stands before the name.
 */
function withEscapes(text: string): string {
  // Within the function: to make it takes milliseconds, which most processes can do without.
  const pattern =
    /\p{RGI_Emoji}|[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?<=\p{M}{4})\p{M}|^\p{M}|:\/\/|<(?=[!@#])|\b(?:mailto|javascript|tel|sms):(?=\S)/giv;
  return text.replace(pattern, shown);
}

function shown(found: string): string {
  if (found === '://') return '[:]//';
  if (found.length > 2 && found.endsWith(':')) return `${found.slice(0, -1)}[:]`;
  if (EMOJI_FIRST.test(found)) return found;
  return `\\u{${found.codePointAt(0)?.toString(16)}}`;
}

/**
 * The longest beginning of `text` within `length` code units that ends between two graphemes and between two escapes.
 */
function cut(text: string, length: number): string {
  if (PLAIN.test(text)) return text.slice(0, length).replace(OPEN_ESCAPE, '');
  let end = 0;
  for (const { index } of graphemes().segment(text.slice(0, length + MARGIN))) {
    if (index > length) break;
    end = index;
  }
  // A "grapheme" can be endless (Hangul jamo, for one): better cut than nothing left to tell it by.
  if (end === 0 && !EMOJI_FIRST.test(text)) end = /[\ud800-\udbff]$/.test(text.slice(0, length)) ? length - 1 : length;
  return text.slice(0, end).replace(OPEN_ESCAPE, '');
}

let segmenter: Intl.Segmenter | undefined;

/** The unit of UAX #29: what a reader takes for one character. Made when it is first wanted, which takes 20 ms. */
function graphemes(): Intl.Segmenter {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return segmenter;
}
