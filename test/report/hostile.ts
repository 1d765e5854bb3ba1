// Names that clients may choose to harm whoever reads a message about them.

/** Each with what it is. */
export const HOSTILE_NAMES: readonly (readonly [what: string, name: string])[] = [
  ['control characters', 'a\u0000b\u0007c\u007f'],
  ['line ends', 'a\r\nHow to fix:\nnothing'],
  ['ANSI escapes', '\u001b[2J\u001b[31mall clear\u001b]8;;http://evil.example\u0007'],
  ['a mention of everybody', '<!channel> <!here> <@U012ABCDE> @channel'],
  ['a Slack link', '<http://evil.example|click to fix>'],
  ['a Markdown link', '[click to fix](http://evil.example)'],
  ['markup', '*bold* _italic_ ~gone~ `code` ```block``` > quote &amp;'],
  ['quotation marks', 'x", role "postgres'],
  ['10,000 characters', 'x'.repeat(10_000)],
  ['an emoji at the cut', `${'x'.repeat(60)}👨‍👩‍👧‍👦${'y'.repeat(60)}`],
  ['a bidirectional override', 'abc\u202egnp.exe'],
  ['a lone surrogate', 'a\ud83d'],
  ['nothing', ''],
];

/** What no message may hold outside an emoji: see `displayText`. */
export const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\u200b]/u;
