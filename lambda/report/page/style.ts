// Holds the style of a page: light and dark, from a phone's width on, and in print.

/** The policy of the page names its hash. No element has a style of its own. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #fff; --text: #1b1f24; --dim: #57606a; --line: #d0d7de; --link: #0550ae;
  --bad: #b42318; --warn: #8a4b00; --good: #116329; --unknown: #6639ba;
  --bad-back: #fef0ee; --warn-back: #fff6e6; --good-back: #e9f9ed; --unknown-back: #f5f0ff;
  --c0: #b42318; --c1: #d97706; --c2: #0a7ea4; --c3: #6639ba; --c4: #4d7c0f; --c5: #be185d; --c6: #6b7280;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0d1117; --card: #161b22; --text: #e6edf3; --dim: #9da7b3; --line: #3d444d; --link: #79b8ff;
    --bad: #ff8f85; --warn: #f5b84d; --good: #6fdd8b; --unknown: #c9a9ff;
    --bad-back: #2f1513; --warn-back: #2b1e07; --good-back: #0d2817; --unknown-back: #221638;
    --c0: #f0655a; --c1: #e8a33d; --c2: #4cb5d6; --c3: #a88bf0; --c4: #93c34a; --c5: #ef75ab; --c6: #8b949e;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); overflow-wrap: anywhere;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
header, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.25rem; }
header p, footer { color: var(--dim); }
footer { font-size: .875rem; padding-bottom: 2rem; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { margin: .25rem 0 .5rem; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible,
.scroll:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.answers { display: grid; gap: .75rem; grid-template-columns: repeat(4, minmax(0, 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; }
.answers .card { border-top: .375rem solid var(--line); }
.answers h2 { font-size: .875rem; font-weight: 600; color: var(--dim); margin: 0; }
.answers .big { font-size: 1.375rem; line-height: 1.25; font-weight: 700; margin: .125rem 0 .375rem; }
.answers p, .answers ul { font-size: .9375rem; margin: .25rem 0; }
.answers ul { padding-left: 1.1rem; }
.answers .bad { border-top-color: var(--bad); background: var(--bad-back); } .bad .big { color: var(--bad); }
.answers .weak { border-top-color: var(--warn); background: var(--warn-back); } .weak .big { color: var(--warn); }
.answers .good { border-top-color: var(--good); background: var(--good-back); } .good .big { color: var(--good); }
.answers .unknown { border-top-color: var(--unknown); background: var(--unknown-back); }
.unknown .big { color: var(--unknown); }
.counts { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .75rem 0 0; padding: 0; list-style: none; }
.counts strong { font-variant-numeric: tabular-nums; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; margin: .75rem 0 0; list-style: none; }
.badge { display: inline-block; min-width: 4.75rem; text-align: center; font-size: .8125rem; font-weight: 700;
  border: 1px solid; border-radius: 1rem; padding: 0 .5rem; }
.critical, .high, .not-audited, .findings { color: var(--bad); } .medium { color: var(--warn); }
.low, .info { color: var(--dim); } .clean { color: var(--good); } .verdict-unknown { color: var(--unknown); }
.critical { background: var(--bad); color: var(--card); border-color: var(--bad); }
.item { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: .5rem .75rem; }
.item h3 { margin: 0; }
summary { cursor: pointer; }
details.numbers summary, details.how summary { color: var(--link); font-size: .9375rem; }
.facts { margin: .25rem 0; padding-left: 1.25rem; }
.dim { color: var(--dim); }
code { font: .875em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "Noto Sans Mono", monospace; }
pre { margin: .25rem 0; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .375rem;
  background: var(--back); white-space: pre-wrap; }
pre { position: relative; }
.script pre { padding-right: 4.75rem; }
pre button { position: absolute; top: .375rem; right: .375rem; }
.inner:empty::after { content: "Its details do not fit on this page: see above the list."; color: var(--dim); }
button, input, select { font: inherit; font-size: .875rem; color: inherit; background: var(--card);
  border: 1px solid var(--dim); border-radius: .375rem; padding: .125rem .5rem; }
.tools { display: none; }
.script .tools { display: flex; }
.tools { flex-wrap: wrap; gap: .5rem 1rem; margin: .5rem 0; align-items: center; }
.scroll { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; font-size: .9375rem; min-width: 100%; background: var(--card); }
caption { text-align: left; color: var(--dim); font-size: .875rem; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .625rem; border: 1px solid var(--line); }
th, td { overflow-wrap: break-word; min-width: 6rem; max-width: 26rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: .5rem 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .5rem; }
svg { display: block; width: 100%; height: auto; max-width: 60rem; }
.plot svg { min-width: 36rem; }
svg text { fill: var(--text); font-size: 13px; font-family: inherit; }
svg .axis { fill: var(--dim); } svg .grid { stroke: var(--line); } svg .now { stroke: var(--text); stroke-dasharray: 3 3; }
svg .c0 { fill: var(--c0); } svg .c1 { fill: var(--c1); } svg .c2 { fill: var(--c2); } svg .c3 { fill: var(--c3); }
svg .c4 { fill: var(--c4); } svg .c5 { fill: var(--c5); } svg .c6 { fill: var(--c6); }
svg .bad { fill: var(--bad); } svg .warn { fill: var(--warn); } svg .good { fill: var(--good); }
svg .gap { fill: var(--line); opacity: .45; } svg .hatch { stroke: var(--dim); opacity: .5; }
.legend { display: flex; flex-wrap: wrap; gap: .125rem 1rem; list-style: none; padding: 0; margin: .25rem 0; font-size: .875rem; }
.legend svg { display: inline-block; width: .875rem; height: .875rem; vertical-align: -.125rem; margin-right: .375rem; }
.targets { list-style: none; padding: 0; margin: 0; }
.targets > li > details { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; margin: .375rem 0; }
.targets > li > details > summary { padding: .5rem .75rem; display: grid; gap: .125rem .75rem; align-items: baseline;
  grid-template-columns: 8rem minmax(0, 2fr) minmax(0, 3fr) minmax(0, 2fr); }
.inner { padding: 0 .75rem .75rem; border-top: 1px solid var(--line); }
.target-name { font-weight: 600; }
@media (max-width: 60rem) { .answers { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
@media (max-width: 36rem) {
  .answers, .targets > li > details > summary { grid-template-columns: minmax(0, 1fr); }
}
@media print {
  :root { color-scheme: light; }
  body { background: #fff; font-size: 11pt; }
  nav, button, .tools, .script .tools { display: none; }
  .script pre { padding-right: .75rem; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .plot svg { min-width: 0; } .scroll { overflow: visible; } th, td { min-width: 0; overflow-wrap: anywhere; } .item, .card, figure, tr { break-inside: avoid; } h2, h3, summary { break-after: avoid; }
  a { color: inherit; text-decoration: none; }
}
`;
