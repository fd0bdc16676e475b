// metrics.jsonl and results -> one self-contained HTML file: plots by gnuplot (inline SVG), page by mustache.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <kainjow/mustache.hpp>

#include <recllm/core/check.hpp>
#include <recllm/train/checkpoint.hpp>
#include <recllm/train/gnuplot.hpp>
#include <recllm/train/log_curves.hpp>
#include <recllm/train/report_page.hpp>

namespace recllm {

/// One line of a plot: a field of metrics.jsonl over another one, "step" where nothing else is said.
struct report_curve {
  std::string key = {};    ///< "reward", "rewards/lcs/mean", "kl", ...
  std::string label = {};  ///< in the legend; empty = the key
  std::string phase = {};  ///< only lines with this "phase"; empty = all
  std::string x = "step";  ///< over another field, the points are joined in the order of the file
};

/// Learning curves in one pair of axes. A curve without values is named below the plot.
struct report_plot {
  std::string title = {}, caption = {}, y_label = {};
  std::string x_label = "step";
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
  std::filesystem::path metrics = {};  ///< metrics.jsonl; needed where there are plots
  std::string gnuplot = "gnuplot";     ///< the program, by name or path
};

namespace detail {

/// Okabe and Ito's colours (jfly.uni-koeln.de/color), told apart with any kind of colour vision.
inline constexpr std::array<const char*, 8> report_colours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                           "#E69F00", "#56B4E9", "#4D4D4D", "#8C6D00"};

/// The number that a cell begins with; NaN if it does not.
inline double leading_number(const std::string& cell) {
  char* end = nullptr;
  const double value = std::strtod(cell.c_str(), &end);
  return end == cell.c_str() ? std::nan("") : value;
}

using mustache_data = kainjow::mustache::data;

/// A value of the page; false where it is empty, so that the template's sections do not look further out for
/// it.
inline mustache_data page_text(const std::string& text) {
  return text.empty() ? mustache_data(false) : mustache_data(text);
}

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
    require(row.size() == columns, "recllm: write_report: table \"", table.title, "\": expected rows of ",
            columns, " cells like the header, got one of ", row.size());
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
  using curve_points = std::map<curve_name, std::vector<log_point>>;
  plot_drawer(std::string program, curve_points curves)
      : program_(std::move(program)), curves_(std::move(curves)) {}

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
      const std::vector<log_point>& raw = curves_.at({curve.phase, curve.key, curve.x});
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
      const bool joined = curve.x != "step";
      gnuplot_data(data, "mean" + number, thinned(running_mean(raw, window)), joined);
      const char* with =
          raw.size() <= 40 ? " with linespoints pt 7 ps 0.5" : " with lines";  // few: show each value
      strong.emplace_back("$mean" + number + with + " lw 2 lc rgb '#" + colour + "'", label);
      if (window == 1) continue;
      gnuplot_data(data, "raw" + number, thinned(raw), joined);
      faint.emplace_back("$raw" + number + " with lines lw 1 lc rgb '#C0" + colour + "'",
                         label + ", single steps");
    }
    gnuplot_job job = new_job(plot.title, plot.y_label, false);
    job.script += "set xlabel " + gnuplot_text(plot.x_label) + " offset 0,0.4 textcolor rgb '#5b6675'\n";
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
        data << static_cast<double>(g) + (static_cast<double>(i) + 0.5) * width - 0.4 << ' ' << bar.values[g]
             << ' ' << error << ' ' << std::max(bar.values[g] + error, 0.0) << ' ' << text.data() << '\n';
        ++drawn;
      }
      data << "EOD\n";
      if (drawn == 0) continue;
      elements.emplace_back(source + " using 1:2:(" + std::to_string(width * 0.92) +
                                ") with boxes fs solid 1 noborder lc rgb '" +
                                report_colours[i % report_colours.size()] + "'",
                            bar.label);
      if (!bar.errors.empty())
        elements.emplace_back(
            source +
                " using 1:($2-$3):(0):(2*$3) with vectors heads size graph 0.005,90 lw 1.2 lc rgb '#1b2330'",
            bar.label);
      if (groups * chart.bars.size() <= 28)
        elements.emplace_back(
            source + " using 1:4:5 with labels offset 0,0.5 font ',11' textcolor rgb '#1b2330'", bar.label);
    }
    frame << "set xrange [-0.55:" << static_cast<double>(groups) - 0.45 << "]\nset yrange [*<0:0<*]\n"
          << "set offsets 0, 0, graph 0.06, 0\nset xtics (";
    for (std::size_t g = 0; g < groups; ++g) {
      std::string tick = chart.groups[g];
      replace_all(tick, "%", "%%");  // gnuplot takes it for a number format
      frame << (g == 0 ? "" : ", ") << gnuplot_text(tick) << ' ' << g;
    }
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

  mustache_data page(const gnuplot_job& job, const std::string& caption, const mustache_data& keys,
                     std::string absent, bool is_bars) {
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
/// Returns "" or, where plots could not be drawn (no gnuplot), a sentence to show the user: the report is
/// then written without them and says so. Throws std::runtime_error if the metrics file cannot be read or the
/// report not written, std::invalid_argument for a table or bar chart of unequal lengths and for a malformed
/// line of the metrics, with file:line. 100 000 lines of metrics take about a second.
[[nodiscard]] inline std::string write_report(const std::filesystem::path& path, const report_spec& spec) {
  namespace mustache = kainjow::mustache;
  using detail::page_list, detail::page_text, detail::mustache_data;
  std::vector<detail::curve_name> wanted;
  for (const report_section& section : spec.sections)
    for (const report_plot& plot : section.plots)
      for (const report_curve& curve : plot.curves) wanted.push_back({curve.phase, curve.key, curve.x});
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
