"""The style of all pages."""

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --dim: #57606a; --line: #d0d7de; --soft: #f4f6f8;
  --pass: #14662f; --block: #a40e26; --inconclusive: #7d4e00; --info: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161b; --text: #e6edf3; --dim: #9aa5b1; --line: #3a424c;
  --soft: #1c222a; --pass: #56d364; --block: #ff8a80; --inconclusive: #e3b341; --info: #79b8ff; } }
body { background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 70rem; padding: 1.5rem; }
h1 { font-size: 1.6rem; border-left: .5rem solid currentColor; padding-left: .8rem; margin: 0; }
h1.pass { color: var(--pass); } h1.block { color: var(--block); } h1.inconclusive { color: var(--inconclusive); }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; margin: 0; }
code, td, li { overflow-wrap: anywhere; } code { font: .9em ui-monospace, monospace; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--dim); }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top; }
article { background: var(--soft); border-left: .25rem solid var(--line); padding: .6rem .9rem; margin: .6rem 0; }
article.block { border-color: var(--block); } article.warn { border-color: var(--inconclusive); }
article.info { border-color: var(--info); } article p { margin: .3rem 0; }
.dim { color: var(--dim); } summary { cursor: pointer; padding: .3rem 0; } summary h2 { display: inline; }
@media print { details > * { display: block; } }
"""
