// metrics.jsonl and results -> one self-contained HTML file: plots by gnuplot (inline SVG), page by mustache.
#pragma once

#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <kainjow/mustache.hpp>
#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/train/checkpoint.hpp>

namespace recllm {

/// One line of a plot: a field of metrics.jsonl over "step".
struct report_curve {
  std::string key = {};    ///< "reward", "rewards/lcs/mean", "kl", ...
  std::string label = {};  ///< in the legend; empty = the key
  std::string phase = {};  ///< only lines with this "phase"; empty = all
};

/// Learning curves in one pair of axes. A curve without values is named below the plot.
struct report_plot {
  std::string title = {}, caption = {}, y_label = {};
  std::vector<report_curve> curves = {};
  std::size_t smooth = 1;  ///< > 1: running mean of so many values, over the raw curve drawn faint
};

/// One model (or other thing compared) of a bar chart.
struct report_bar {
  std::string label = {};
  std::vector<double> values = {};  ///< one a group; NaN = none
  std::vector<double> errors = {};  ///< half widths of the error bars, one a group, or empty
};

/// Models compared by metric: a cluster of bars for each group.
struct report_bars {
  std::string title = {}, caption = {}, y_label = {};
  std::vector<std::string> groups = {};  ///< the metrics, below the axis
  std::vector<report_bar> bars = {};
};

/// Rows of text; cells that begin with a number are set flush right.
struct report_table {
  std::string title = {}, caption = {};
  std::vector<std::string> header = {};
  std::vector<std::vector<std::string>> rows = {};  ///< each as long as the header
  bool bold_best = false;  ///< the largest number of each column but the first is bold
};

/// One line of preformatted text; marked = a hit.
struct report_line {
  std::string text = {};
  bool marked = false;
};

/// Preformatted lines under a small heading; folded = shown on a click.
struct report_block {
  std::string title = {};
  std::vector<report_line> lines = {};
  bool folded = false;
};

/// An example in a frame: a user's prompt, the model's reasoning and its list.
struct report_card {
  std::string title = {}, caption = {};
  std::vector<report_block> blocks = {};
};

/// A heading and what stands under it, in this order.
struct report_section {
  std::string title = {};
  std::vector<std::string> paragraphs = {};
  std::vector<report_table> tables = {};
  std::vector<report_bars> bars = {};
  std::vector<report_plot> plots = {};
  std::vector<report_card> cards = {};
};

/// A number to see first.
struct report_number {
  std::string value = {}, label = {}, note = {};
};

/// A report as data. All text is escaped.
struct report_spec {
  std::string title = {}, subtitle = {};
  std::vector<report_number> numbers = {};
  std::vector<std::string> intro = {};
  std::vector<report_section> sections = {};
  std::string footer = {};
  std::filesystem::path metrics = {};     ///< metrics.jsonl; needed where there are plots
  std::string gnuplot = "gnuplot";  ///< the program, by name or path
};

namespace detail {

/// Okabe and Ito's colours (jfly.uni-koeln.de/color), told apart with any kind of colour vision.
inline constexpr std::array<const char*, 8> report_colours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                           "#E69F00", "#56B4E9", "#4D4D4D", "#8C6D00"};

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
@media print{body{background:#fff;font-size:11pt}main{max-width:none;padding:0}h2,h3{break-after:avoid}.grid{grid-template-columns:1fr 1fr}}
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

struct report_point {
  double x = 0.0;
  double y = 0.0;  ///< NaN ends a piece of the curve
};

/// The points of each (phase, key) in the file, in its order; the strings "nan", "inf", "-inf" become NaN.
inline std::map<std::pair<std::string, std::string>, std::vector<report_point>> read_curves(
    const std::filesystem::path& path, const std::vector<report_curve>& wanted) {
  std::map<std::pair<std::string, std::string>, std::vector<report_point>> curves;
  for (const report_curve& curve : wanted) curves[{curve.phase, curve.key}];
  if (curves.empty()) return curves;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(message("recllm: write_report: cannot read the metrics file ", path, ": ", os_reason(errno)));
  std::string text;
  for (std::size_t line = 1; std::getline(in, text); ++line) {
    if (text.empty()) continue;
    const auto object = nlohmann::json::parse(text, nullptr, false);
    if (!object.is_object() && in.eof()) break;  // cut off while it was written
    require(object.is_object(), "recllm: write_report: ", path.string(), ":", line,
            ": expected a JSON object, got \"", text.substr(0, 40), "\"");
    const auto step = object.find("step");
    if (step == object.end() || !step->is_number()) continue;
    const auto phase = object.find("phase");
    for (auto& [name, points] : curves) {
      if (!name.first.empty() && (phase == object.end() || *phase != name.first)) continue;
      const auto value = object.find(name.second);
      if (value == object.end()) continue;
      points.push_back({step->get<double>(), value->is_number() ? value->get<double>() : std::nan("")});
    }
  }
  return curves;
}

/// The mean of the finite values among the `window` >= 1 around each point (fewer at the ends).
inline std::vector<report_point> running_mean(const std::vector<report_point>& raw, std::size_t window) {
  std::vector<report_point> smooth;
  smooth.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    double sum = 0.0, count = 0.0;
    const std::size_t end = std::min(raw.size(), i + (window + 1) / 2);
    for (std::size_t j = i - std::min(i, window / 2); j < end; ++j)
      if (std::isfinite(raw[j].y)) sum += raw[j].y, count += 1.0;
    smooth.push_back({raw[i].x, std::isfinite(raw[i].y) ? sum / count : std::nan("")});
  }
  return smooth;
}

/// At most about 1000 points that look the same: the lowest and the highest of each stretch.
inline std::vector<report_point> thinned(const std::vector<report_point>& all) {
  const std::size_t stretch = all.size() / 500;
  if (stretch < 2) return all;
  std::vector<report_point> few;
  for (std::size_t first = 0; first < all.size(); first += stretch) {
    std::size_t low = first, high = first;
    for (std::size_t i = first; i < std::min(all.size(), first + stretch); ++i) {
      if (!std::isfinite(all[i].y)) continue;
      if (!(all[low].y <= all[i].y)) low = i;  // true for a NaN at low
      if (!(all[high].y >= all[i].y)) high = i;
    }
    few.push_back(all[std::min(low, high)]);
    if (low != high) few.push_back(all[std::max(low, high)]);
  }
  return few;
}

/// A gnuplot string constant: no escapes, no commands, no line breaks inside.
inline std::string gnuplot_text(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c == '\n' || c == '\r' ? ' ' : c);
  return quoted + "'";
}

inline std::string gnuplot_head(const std::string& name, const std::string& y_label, bool wide) {
  std::ostringstream script;
  script << "set terminal svg size " << (wide ? "1080,320" : "540,300") << " dynamic font 'sans-serif,13' name '" << name
         << "' noenhanced\nset encoding utf8\nset datafile missing 'NaN'\nunset key\n"
         << "set border 3 lc rgb '#9aa3af'\nset tics nomirror out scale 0.4 textcolor rgb '#5b6675'\n"
         << "set grid ytics lt 1 lw 1 lc rgb '#e3e7ed'\n"
         << "set ylabel " << gnuplot_text(y_label) << " textcolor rgb '#5b6675'\n";
  return script.str();
}

inline void gnuplot_data(std::ostream& script, const std::string& name, const std::vector<report_point>& points) {
  script << '$' << name << " << EOD\n";
  double before = -std::numeric_limits<double>::infinity();
  for (const report_point& p : points) {
    if (p.x < before || !std::isfinite(p.y)) script << '\n';  // a new run, or a gap
    if (std::isfinite(p.y)) script << p.x << ' ' << p.y << '\n';
    before = p.x;
  }
  script << "EOD\n";
}

/// A folder of its own for gnuplot's files.
struct scratch_folder {
  std::filesystem::path path;
  scratch_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "recllm-report-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error(message("recllm: write_report: cannot make the folder ", name, ": ", os_reason(errno),
                                       "; set TMPDIR to a folder that can be written"));
    path = name;
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

inline std::string shell_text(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

inline std::string whole_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) text.replace(at, from.size(), to);
}

/// One plot on its way to gnuplot.
struct gnuplot_job {
  std::string name;                  ///< of its own on the page
  std::string title;                 ///< for screen readers and messages
  std::string script;                ///< ends with a plot command of labels.size() elements
  std::vector<std::string> labels;   ///< shown where the mouse rests on an element

  /// Adds `$data using ...` to the plot command.
  void add(const std::string& element, const std::string& label) {
    script += (labels.empty() ? "plot " : ", ") + element;
    labels.push_back(label);
  }
};

/// Runs gnuplot; on success `svg` is set and "" returned, else one sentence.
inline std::string draw_svg(const std::string& program, const gnuplot_job& job, std::string& svg) {
  const scratch_folder folder;
  write_file_atomically(folder.path / "plot", job.script + '\n');
  const std::string command = shell_text(program) + " -d " + shell_text((folder.path / "plot").string()) + " > " +
                              shell_text((folder.path / "svg").string()) + " 2> " +
                              shell_text((folder.path / "errors").string());
  const int status = std::system(command.c_str());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == 127 || code == 126)
    return message("recllm: write_report: the program '", program,
                   "' was not found or cannot be run, so this report has its tables and texts but no plots; install "
                   "gnuplot (Debian: apt-get install gnuplot-nox) and write it again");
  svg = whole_file(folder.path / "svg");
  const std::size_t start = svg.find("<svg");
  if (code != 0 || start == svg.npos || svg.find("</svg>") == svg.npos) {
    svg.clear();
    std::string reason = whole_file(folder.path / "errors");
    reason.erase(0, reason.find_first_not_of(" \n"));
    return message("recllm: write_report: gnuplot failed on the plot \"", job.title, "\": ",
                   reason.substr(0, std::min<std::size_t>(reason.size(), 300)));
  }
  svg.erase(0, start);
  for (const char* id : {"gpDot", "gpPt", "textbox", "greybox", "gnuplot_canvas"})  // one page, many plots
    replace_all(svg, id, job.name + id);
  replace_all(svg, "<title>" + job.name + "</title>", "");
  for (std::size_t i = 0; i < job.labels.size(); ++i)
    replace_all(svg, "<title>" + job.name + "_plot_" + std::to_string(i + 1) + "</title>",
                "<title>" + kainjow::mustache::html_escape(job.labels[i]) + "</title>");
  svg.insert(4, " role=\"img\" aria-label=\"" + kainjow::mustache::html_escape(job.title) + "\"");
  return "";
}

/// The lowest and the highest finite value; (inf, -inf) where there is none.
inline std::pair<double, double> range_of(const std::vector<report_point>& points) {
  std::pair<double, double> range(std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity());
  for (const report_point& p : points)
    if (std::isfinite(p.y)) range = {std::min(range.first, p.y), std::max(range.second, p.y)};
  return range;
}

/// The number that a cell begins with; NaN if it does not.
inline double leading_number(const std::string& cell) {
  char* end = nullptr;
  const double value = std::strtod(cell.c_str(), &end);
  return end == cell.c_str() ? std::nan("") : value;
}

using mustache_data = kainjow::mustache::data;

/// A value of the page; false where it is empty, so that the template's sections do not look further out for it.
inline mustache_data page_text(const std::string& text) { return text.empty() ? mustache_data(false) : mustache_data(text); }

inline mustache_data page_list() { return mustache_data(mustache_data::type::list); }

inline mustache_data page_paragraphs(const std::vector<std::string>& paragraphs) {
  mustache_data list = page_list();
  for (const std::string& paragraph : paragraphs) list << mustache_data("text", page_text(paragraph));
  return list;
}

inline mustache_data page_key(std::size_t i, const std::string& label) {
  mustache_data key("text", page_text(label));
  key.set("colour", report_colours[i % report_colours.size()]);
  return key;
}

inline mustache_data page_table(const report_table& table) {
  const std::size_t columns = table.header.size();
  std::vector<double> best(columns, -std::numeric_limits<double>::infinity());
  std::vector<bool> numbers(columns, !table.rows.empty());
  for (const std::vector<std::string>& row : table.rows) {
    require(row.size() == columns, "recllm: write_report: table \"", table.title, "\": expected rows of ", columns,
            " cells like the header, got one of ", row.size());
    for (std::size_t c = 0; c < columns; ++c) {
      const double value = leading_number(row[c]);
      if (value > best[c]) best[c] = value;
      if (std::isnan(value) && !row[c].empty() && row[c] != "-" && row[c] != "–") numbers[c] = false;
    }
  }
  mustache_data header = page_list(), rows = page_list();
  for (std::size_t c = 0; c < columns; ++c) {
    mustache_data cell("text", page_text(table.header[c]));
    cell.set("number", static_cast<bool>(numbers[c]));
    header << cell;
  }
  for (const std::vector<std::string>& row : table.rows) {
    mustache_data cells = page_list();
    for (std::size_t c = 0; c < columns; ++c) {
      mustache_data cell("text", page_text(row[c]));
      cell.set("number", static_cast<bool>(numbers[c]));
      cell.set("best", table.bold_best && c > 0 && numbers[c] && leading_number(row[c]) == best[c]);
      cells << cell;
    }
    rows << mustache_data("cells", cells);
  }
  mustache_data page("name", page_text(table.title));
  page.set("caption", page_text(table.caption));
  page.set("header", header);
  page.set("rows", rows);
  return page;
}

inline mustache_data page_card(const report_card& card) {
  mustache_data blocks = page_list();
  for (const report_block& block : card.blocks) {
    mustache_data lines = page_list();
    for (const report_line& line : block.lines) {
      mustache_data one("text", page_text(line.text));
      one.set("marked", line.marked);
      lines << one;
    }
    mustache_data page("name", page_text(block.title));
    page.set("folded", block.folded);
    page.set("lines", lines);
    blocks << page;
  }
  mustache_data page("name", page_text(card.title));
  page.set("caption", page_text(card.caption));
  page.set("blocks", blocks);
  return page;
}

/// Draws the plots of a report, one gnuplot run each, and remembers the first thing that went wrong.
class plot_drawer {
 public:
  using curve_points = std::map<std::pair<std::string, std::string>, std::vector<report_point>>;
  plot_drawer(std::string program, curve_points curves) : program_(std::move(program)), curves_(std::move(curves)) {}

  mustache_data lines(const report_plot& plot) {
    std::ostringstream data;
    data.precision(9);
    mustache_data keys = page_list();
    std::string absent;
    std::vector<std::pair<std::string, std::string>> faint, strong;
    double low = 0.0, high = 0.0;
    const std::size_t window = std::max<std::size_t>(plot.smooth, 1);
    for (std::size_t i = 0; i < plot.curves.size(); ++i) {
      const report_curve& curve = plot.curves[i];
      const std::vector<report_point>& raw = curves_.at({curve.phase, curve.key});
      const std::string label = curve.label.empty() ? curve.key : curve.label;
      const auto [lowest, highest] = range_of(raw);
      if (lowest > highest) {
        absent += (absent.empty() ? "No values in the log: " : ", ") + label;
        continue;
      }
      low = strong.empty() ? lowest : std::min(low, lowest);
      high = strong.empty() ? highest : std::max(high, highest);
      keys << page_key(i, label);
      const std::string number = std::to_string(i), colour = report_colours[i % report_colours.size()] + 1;
      gnuplot_data(data, "mean" + number, thinned(running_mean(raw, window)));
      const char* with = raw.size() <= 40 ? " with linespoints pt 7 ps 0.5" : " with lines";  // few: show each value
      strong.emplace_back("$mean" + number + with + " lw 2 lc rgb '#" + colour + "'", label);
      if (window == 1) continue;
      gnuplot_data(data, "raw" + number, thinned(raw));
      faint.emplace_back("$raw" + number + " with lines lw 1 lc rgb '#C0" + colour + "'", label + ", single steps");
    }
    gnuplot_job job = new_job(plot.title, plot.y_label, false);
    job.script += "set xlabel 'step' offset 0,0.4 textcolor rgb '#5b6675'\n";
    const bool from_zero = low >= 0.0 && low <= 0.3 * high && high > 0.0;  // what comes near 0 shows it
    job.script += from_zero ? "set yrange [0:*]\nset offsets 0, 0, graph 0.05, 0\n"
                            : "set offsets 0, 0, graph 0.05, graph 0.05\n";
    job.script += data.str();
    for (const auto& [element, label] : faint) job.add(element, label);
    for (const auto& [element, label] : strong) job.add(element, label);
    return page(job, plot.caption, keys, absent, false);
  }

  mustache_data bars(const report_bars& chart) {
    const std::size_t groups = chart.groups.size();
    std::ostringstream data, frame;
    data.precision(9);
    mustache_data keys = page_list();
    double highest = 0.0;
    for (const report_bar& bar : chart.bars) {
      require(bar.values.size() == groups && (bar.errors.empty() || bar.errors.size() == groups),
              "recllm: write_report: bars \"", chart.title, "\", \"", bar.label, "\": expected ", groups,
              " values and as many errors or none, got ", bar.values.size(), " and ", bar.errors.size());
      for (const double value : bar.values)
        if (std::isfinite(value)) highest = std::max(highest, std::abs(value));
    }
    const char* format = highest < 1.0 ? "%.3f" : highest < 10.0 ? "%.2f" : highest < 100.0 ? "%.1f" : "%.4g";
    const double width = 0.8 / static_cast<double>(std::max<std::size_t>(chart.bars.size(), 1));
    std::vector<std::pair<std::string, std::string>> elements;
    for (std::size_t i = 0; i < chart.bars.size(); ++i) {
      const report_bar& bar = chart.bars[i];
      keys << page_key(i, bar.label);
      const std::string source = "$bar" + std::to_string(i);
      data << source << " << EOD\n";
      std::size_t drawn = 0;
      for (std::size_t g = 0; g < groups; ++g) {
        if (!std::isfinite(bar.values[g])) continue;
        const double error = bar.errors.empty() || !std::isfinite(bar.errors[g]) ? 0.0 : bar.errors[g];
        std::array<char, 32> text{};
        std::snprintf(text.data(), text.size(), format, bar.values[g]);
        data << static_cast<double>(g) + (static_cast<double>(i) + 0.5) * width - 0.4 << ' ' << bar.values[g] << ' '
             << error << ' ' << std::max(bar.values[g] + error, 0.0) << ' ' << text.data() << '\n';
        ++drawn;
      }
      data << "EOD\n";
      if (drawn == 0) continue;
      elements.emplace_back(source + " using 1:2:(" + std::to_string(width * 0.92) + ") with boxes fs solid 1 noborder lc rgb '" +
                            report_colours[i % report_colours.size()] + "'", bar.label);
      if (!bar.errors.empty())
        elements.emplace_back(source + " using 1:($2-$3):(0):(2*$3) with vectors heads size graph 0.005,90 lw 1.2 lc rgb '#1b2330'", bar.label);
      if (groups * chart.bars.size() <= 28)
        elements.emplace_back(source + " using 1:4:5 with labels offset 0,0.5 font ',11' textcolor rgb '#1b2330'", bar.label);
    }
    frame << "set xrange [-0.55:" << static_cast<double>(groups) - 0.45 << "]\nset yrange [*<0:0<*]\n"
          << "set offsets 0, 0, graph 0.06, 0\nset xtics (";
    for (std::size_t g = 0; g < groups; ++g) frame << (g == 0 ? "" : ", ") << gnuplot_text(chart.groups[g]) << ' ' << g;
    gnuplot_job job = new_job(chart.title, chart.y_label, true);
    job.script += frame.str() + ") scale 0\n" + data.str();
    for (const auto& [element, label] : elements) job.add(element, label);
    return page(job, chart.caption, keys, elements.empty() ? "There are no values to draw." : "", true);
  }

  /// What went wrong first, in one sentence; empty if nothing did.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  gnuplot_job new_job(const std::string& title, const std::string& y_label, bool wide) {
    const std::string name = "plot" + std::to_string(++count_);
    return {name, title, gnuplot_head(name, y_label, wide), {}};
  }

  mustache_data page(const gnuplot_job& job, const std::string& caption, const mustache_data& keys, std::string absent,
                     bool is_bars) {
    std::string svg;
    if (!job.labels.empty()) {
      const std::string trouble = draw_svg(program_, job, svg);
      if (!trouble.empty()) absent = "This plot could not be drawn.";
      if (problem_.empty()) problem_ = trouble;
    }
    mustache_data page("name", page_text(job.title));
    page.set("caption", page_text(caption));
    page.set("keys", keys);
    page.set("svg", page_text(svg));
    page.set("absent", page_text(absent));
    page.set("bars", is_bars);
    return page;
  }

  std::string program_, problem_;
  curve_points curves_;
  std::size_t count_ = 0;
};

}  // namespace detail

/// Writes the report to `path`: one file that needs no other, in place of the old one in one go.
///
/// Returns "" or, where plots could not be drawn (no gnuplot), a sentence to show the user: the report is then written
/// without them and says so. Throws std::runtime_error if the metrics file cannot be read or the report not
/// written, std::invalid_argument for a table or bar chart of unequal lengths and for a malformed line of the metrics,
/// with file:line. 100 000 lines of metrics take about a second.
[[nodiscard]] inline std::string write_report(const std::filesystem::path& path, const report_spec& spec) {
  namespace mustache = kainjow::mustache;
  using detail::page_list, detail::page_text, detail::mustache_data;
  std::vector<report_curve> wanted;
  for (const report_section& section : spec.sections)
    for (const report_plot& plot : section.plots) wanted.insert(wanted.end(), plot.curves.begin(), plot.curves.end());
  detail::plot_drawer draw(spec.gnuplot, detail::read_curves(spec.metrics, wanted));

  mustache_data sections = page_list();
  for (const report_section& section : spec.sections) {
    mustache_data tables = page_list(), wide = page_list(), plots = page_list(), cards = page_list();
    for (const report_table& table : section.tables) tables << detail::page_table(table);
    for (const report_bars& bars : section.bars) wide << draw.bars(bars);
    for (const report_plot& plot : section.plots) plots << draw.lines(plot);
    for (const report_card& card : section.cards) cards << detail::page_card(card);
    mustache_data page("title", page_text(section.title));
    page.set("paragraphs", detail::page_paragraphs(section.paragraphs));
    page.set("tables", tables);
    page.set("wide", wide);
    page.set("has_plots", !section.plots.empty());
    page.set("plots", plots);
    page.set("cards", cards);
    sections << page;
  }
  mustache_data numbers = page_list();
  for (const report_number& number : spec.numbers) {
    mustache_data one("value", page_text(number.value));
    one.set("label", page_text(number.label));
    one.set("note", page_text(number.note));
    numbers << one;
  }
  mustache_data page("title", page_text(spec.title));
  page.set("subtitle", page_text(spec.subtitle));
  page.set("problem", page_text(draw.problem()));
  page.set("has_numbers", !spec.numbers.empty());
  page.set("numbers", numbers);
  page.set("intro", detail::page_paragraphs(spec.intro));
  page.set("sections", sections);
  page.set("footer", page_text(spec.footer));
  page.set("plot", mustache::partial([] { return std::string(detail::report_plot_part); }));
  page.set("lines_part", mustache::partial([] { return std::string(detail::report_lines_part); }));
  mustache::mustache layout{std::string(detail::report_page)};
  write_file_atomically(path, layout.render(page));
  return draw.problem();
}

}  // namespace recllm
