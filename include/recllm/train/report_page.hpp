// The page of a report as mustache templates: style, frame, and the parts that repeat.
#pragma once

namespace recllm::detail {

inline constexpr const char* report_page = R"html(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}}</title>
<style>
:root{--ink:#1b2330;--soft:#5b6675;--line:#e3e7ed;--paper:#fff;--tint:#f6f8fa;--accent:#0072b2}
*{box-sizing:border-box}
body{margin:0;background:var(--tint);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1120px;margin:0 auto;padding:40px 24px 56px}
header{border-bottom:3px solid var(--accent);padding-bottom:14px;margin-bottom:24px}
h1{font-size:2rem;line-height:1.2;margin:0;letter-spacing:-.015em}
h2{font-size:1.35rem;margin:44px 0 10px;letter-spacing:-.01em}
h3{font-size:1rem;margin:0 0 4px}
p{max-width:75ch;margin:0 0 12px}
.soft,figcaption{color:var(--soft)}
header p{font-size:1.08rem;margin:6px 0 0}
.figures{display:flex;flex-wrap:wrap;gap:14px;margin:0 0 24px}
.figures div{flex:1 1 170px;background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:14px 18px}
.figures b{display:block;font-size:1.75rem;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums}
.figures small{color:var(--soft);display:block}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:18px;margin:16px 0}
figure,.card{margin:0;background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:16px 18px;break-inside:avoid}
figure.wide{margin:16px 0;overflow-x:auto}
figcaption{font-size:.9rem;margin-top:6px}
figure svg{display:block;width:100%;height:auto}
figure svg *{font-family:inherit}
.keys{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:.88rem;color:var(--soft);margin:2px 0 6px}
.keys i{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:6px;vertical-align:middle;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.keys.box i{height:11px;width:11px}
.missing{background:#fff6e5;border-left:4px solid #e69f00;padding:8px 14px;border-radius:4px;font-size:.95rem;margin:0 0 12px}
table{border-collapse:collapse;width:100%;font-size:.95rem;font-variant-numeric:tabular-nums}
th{text-align:left;color:var(--soft);font-weight:600;border-bottom:2px solid var(--line);white-space:nowrap}
th,td{padding:7px 12px}
td{border-bottom:1px solid var(--line)}
tr:last-child td{border-bottom:0}
.n{text-align:right;white-space:nowrap}
.card{margin:16px 0}
.blocks{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,360px),1fr));gap:0 18px}
.block{margin-top:10px;min-width:0}
.block.folded{grid-column:1/-1}
.block h4,summary{font-size:.82rem;font-weight:600;color:var(--soft);margin:0 0 4px;text-transform:uppercase;letter-spacing:.04em}
summary{cursor:pointer}
pre{margin:0;background:var(--tint);border-radius:6px;padding:10px 12px;white-space:pre-wrap;overflow-wrap:anywhere;font:.86rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre span{display:block;min-height:1.5em}
pre .hit{background:#d9f2e6;box-shadow:-4px 0 0 #009e73;font-weight:600;print-color-adjust:exact;-webkit-print-color-adjust:exact}
pre .hit::after{content:" \2713";color:#00714f}
footer{margin-top:48px;border-top:1px solid var(--line);padding-top:12px;color:var(--soft);font-size:.88rem}
@page{margin:14mm}
@media print{html{font-size:12px}body{background:#fff;font-size:12px}main{max-width:none;padding:0}figure.wide{overflow:visible}th,td{padding:4px 6px}.figures div{padding:8px 12px;flex-basis:110px}h2,h3{break-after:avoid}.grid{grid-template-columns:1fr 1fr}}
</style></head><body><main>
<header><h1>{{title}}</h1>{{#subtitle}}<p class="soft">{{subtitle}}</p>{{/subtitle}}</header>
{{#problem}}<p class="missing">{{problem}}</p>{{/problem}}
{{#has_numbers}}<div class="figures">{{#numbers}}<div><b>{{value}}</b>{{label}}<small>{{note}}</small></div>{{/numbers}}</div>{{/has_numbers}}
{{#intro}}<p>{{text}}</p>
{{/intro}}
{{#sections}}<section><h2>{{title}}</h2>
{{#paragraphs}}<p>{{text}}</p>
{{/paragraphs}}
{{#tables}}<figure class="wide">{{#name}}<h3>{{name}}</h3>{{/name}}<table><thead><tr>{{#header}}<th{{#number}} class="n"{{/number}}>{{text}}</th>{{/header}}</tr></thead>
<tbody>{{#rows}}<tr>{{#cells}}<td{{#number}} class="n"{{/number}}>{{#best}}<b>{{text}}</b>{{/best}}{{^best}}{{text}}{{/best}}</td>{{/cells}}</tr>
{{/rows}}</tbody></table>{{#caption}}<figcaption>{{caption}}</figcaption>{{/caption}}</figure>
{{/tables}}
{{#wide}}{{>plot}}{{/wide}}
{{#has_plots}}<div class="grid">{{#plots}}{{>plot}}{{/plots}}</div>{{/has_plots}}
{{#cards}}<article class="card"><h3>{{name}}</h3>{{#caption}}<p class="soft">{{caption}}</p>{{/caption}}<div class="blocks">
{{#blocks}}{{#folded}}<details class="block folded"><summary>{{name}}</summary>{{>lines_part}}</details>{{/folded}}{{^folded}}<div class="block"><h4>{{name}}</h4>{{>lines_part}}</div>{{/folded}}
{{/blocks}}</div></article>
{{/cards}}
</section>
{{/sections}}
{{#footer}}<footer>{{footer}}</footer>{{/footer}}
</main></body></html>
)html";

inline constexpr const char* report_plot_part =
    R"html(<figure{{#bars}} class="wide"{{/bars}}><h3>{{name}}</h3><div class="keys{{#bars}} box{{/bars}}">{{#keys}}<span><i style="background:{{colour}}"></i>{{text}}</span>{{/keys}}</div>
{{{svg}}}{{#absent}}<p class="missing">{{absent}}</p>{{/absent}}{{#caption}}<figcaption>{{caption}}</figcaption>{{/caption}}</figure>
)html";

inline constexpr const char* report_lines_part =
    R"html(<pre>{{#lines}}<span{{#marked}} class="hit"{{/marked}}>{{text}}</span>{{/lines}}</pre>)html";

}  // namespace recllm::detail
