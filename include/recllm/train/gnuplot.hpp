// A plot script -> inline SVG by the program gnuplot, run once a plot.
#pragma once

#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <kainjow/mustache.hpp>

#include <recllm/core/check.hpp>
#include <recllm/train/checkpoint.hpp>
#include <recllm/train/log_curves.hpp>

namespace recllm::detail {

/// A gnuplot string constant. Whatever could end it, run a command or name a macro is written as an octal
/// code, of four digits: gnuplot reads as many where the first is 0.
inline std::string gnuplot_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    std::array<char, 8> code{c};
    if (byte < 32)
      code[0] = ' ';
    else if (byte < 128 && std::isalnum(byte) == 0)
      std::snprintf(code.data(), code.size(), "\\%04o", static_cast<unsigned>(byte));
    quoted += code.data();
  }
  return quoted + '"';
}

inline std::string gnuplot_head(const std::string& name, const std::string& y_label, bool wide) {
  std::ostringstream script;
  script << "set terminal svg size " << (wide ? "1080,320" : "540,300")
         << " dynamic font 'sans-serif,13' name '" << name
         << "' noenhanced\nset encoding utf8\nset datafile missing 'NaN'\nunset key\n"
         << "set border 3 lc rgb '#9aa3af'\nset tics nomirror out scale 0.4 textcolor rgb '#5b6675'\n"
         << "set grid ytics lt 1 lw 1 lc rgb '#e3e7ed'\n"
         << "set ylabel " << gnuplot_text(y_label) << " textcolor rgb '#5b6675'\n";
  return script.str();
}

inline void gnuplot_data(std::ostream& script, const std::string& name, const std::vector<log_point>& points,
                         bool joined = false) {
  script << '$' << name << " << EOD\n";
  double before = -std::numeric_limits<double>::infinity();
  for (const log_point& p : points) {
    if ((p.x < before && !joined) || !std::isfinite(p.y)) script << '\n';  // a new run, or a gap
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
      throw std::runtime_error(message("recllm: write_report: cannot make the folder ", name, ": ",
                                       os_reason(errno), "; set TMPDIR to a folder that can be written"));
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
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
}

/// One plot on its way to gnuplot.
struct gnuplot_job {
  std::string name;                 ///< of its own on the page
  std::string title;                ///< for screen readers and messages
  std::string script;               ///< ends with a plot command of labels.size() elements
  std::vector<std::string> labels;  ///< shown where the mouse rests on an element

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
  const std::string command = shell_text(program) + " -d " + shell_text((folder.path / "plot").string()) +
                              " > " + shell_text((folder.path / "svg").string()) + " 2> " +
                              shell_text((folder.path / "errors").string());
  const int status = std::system(command.c_str());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == 127 || code == 126)
    return message(
        "recllm: write_report: the program '", program,
        "' was not found or cannot be run, so this report has its tables and texts but no plots; install "
        "gnuplot (Debian: apt-get install gnuplot-nox) and write it again");
  svg = whole_file(folder.path / "svg");
  const std::size_t start = svg.find("<svg");
  if (code != 0 || start == svg.npos || svg.find("</svg>") == svg.npos) {
    svg.clear();
    std::string reason = whole_file(folder.path / "errors");
    reason.erase(0, reason.find_first_not_of(" \n"));
    if (reason.empty()) reason = "it gave no reason";
    return message("recllm: write_report: gnuplot failed on the plot \"", job.title, "\" with status ", code,
                   ": ", reason.substr(0, 300));
  }
  svg.erase(0, start);
  for (const char* id : {"id='", "href='#"}) replace_all(svg, id, id + job.name);  // one page, many plots
  replace_all(svg, "\"gnuplot_canvas\"", '"' + job.name + '"');
  replace_all(svg, "<title>" + job.name + "</title>", "");
  for (std::size_t i = 0; i < job.labels.size(); ++i) {
    const std::string element = "id=\"" + job.name + "_plot_" + std::to_string(i + 1) + "\" ><title>";
    const std::size_t at = svg.find(element), end = svg.find("</title>", at);
    if (at == svg.npos || end == svg.npos) continue;  // another gnuplot's dialect: the tip says less
    svg.replace(at + element.size(), end - at - element.size(),
                kainjow::mustache::html_escape(job.labels[i]));
  }
  svg.insert(4, " role=\"img\" aria-label=\"" + kainjow::mustache::html_escape(job.title) + "\"");
  return "";
}

}  // namespace recllm::detail
