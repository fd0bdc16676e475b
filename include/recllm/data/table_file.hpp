// Rows of a table in a text file: fields parted by a delimiter, perhaps quoted, under names of columns.
//
// Quoting: RFC 4180 (Shafranovich, 2005), section 2: a field in double quotes may hold delimiters and line
// ends, and a double quote written twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/data/interactions.hpp>
#include <recllm/data/text_file.hpp>
#include <recllm/data/time_format.hpp>
#include <recllm/text/utf8.hpp>

namespace recllm::detail {

/// Stands for a column that is not read.
inline constexpr std::size_t no_column = std::numeric_limits<std::size_t>::max();

/// The parts of `text` between separators, n + 1 of them for n separators.
inline std::vector<std::string_view> split_at(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0;;) {
    const std::size_t to = text.find(separator, from);
    parts.push_back(text.substr(from, to - from));
    if (to == std::string_view::npos) return parts;
    from = to + 1;
  }
}

/// What the first row is.
enum class table_header {
  typed,  ///< RecBole's name:type
  names,
  none  ///< data; columns are called by table_layout::names, or 0, 1, ...
};

/// How a table is written.
struct table_layout {
  std::string delimiter = "\t";
  bool quoted = false;
  table_header header = table_header::names;
  std::vector<std::string> names{};  ///< of a table without a header; empty: 0, 1, ...
  bool latin_1 = false;              ///< text that is not UTF-8 is ISO 8859-1, else it is an error
};

/// One table, read row by row. Fields borrow from the current row.
class table_file {
 public:
  table_file(std::string_view reader, const std::filesystem::path& path, std::string_view hint,
             table_layout layout)
      : file_(reader, path, hint), layout_(std::move(layout)) {
    if (layout_.header == table_header::none) {
      for (const std::string& name : layout_.names) columns_.emplace_back(name, "");
      waiting_ = file_.next_line();
      if (waiting_) split();
      require(waiting_ || !layout_.names.empty(), "recllm: ", reader, ": ", file_.path(),
              " is empty; expected rows");
      for (std::size_t c = 0; c < fields_ && layout_.names.empty(); ++c)
        columns_.emplace_back(std::to_string(c), "");
      return;
    }
    require(file_.next_line(), "recllm: ", reader, ": ", file_.path(), " is empty; expected a header",
            layout_.header == table_header::typed ? " such as user_id:token" : " with names of columns");
    split();
    for (std::size_t c = 0; c < fields_; ++c) {
      const std::string_view name = field(c);
      if (layout_.header == table_header::names) {
        columns_.emplace_back(name, "");
        continue;
      }
      const std::size_t colon = name.rfind(':');
      const std::string_view type = colon == std::string_view::npos ? "" : name.substr(colon + 1);
      if (type != "token" && type != "token_seq" && type != "float" && type != "float_seq")
        fail("the header field '", name, "' is not name:type with type token, token_seq, float or float_seq");
      columns_.emplace_back(name.substr(0, colon), type);
    }
  }

  /// The position of a column; throws if there is none of that name. `settings` is where it can be named.
  [[nodiscard]] std::size_t column(const std::string& name, std::string_view settings) const {
    std::string found;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (columns_[c].first == name) return c;
      found += (c == 0 ? "" : ", ") + columns_[c].first;
    }
    fail("there is no column '", name, "'; found: ", found, "; name the columns in ", settings);
  }

  /// The same, but no_column for "".
  [[nodiscard]] std::size_t column_or_none(const std::string& name, std::string_view settings) const {
    return name.empty() ? no_column : column(name, settings);
  }

  [[nodiscard]] std::size_t columns() const { return columns_.size(); }
  [[nodiscard]] const std::string& name(std::size_t column) const { return columns_[column].first; }

  /// Whether RecBole's header calls the column a list of texts.
  [[nodiscard]] bool is_sequence(std::size_t column) const { return columns_[column].second == "token_seq"; }

  /// Goes to the next row; false at the end of the file.
  bool next_row() {
    if (waiting_) {
      waiting_ = false;
    } else {
      if (!file_.next_line()) return false;
      split();
    }
    if (fields_ != columns_.size())
      fail("expected ", columns_.size(), " fields parted by ",
           layout_.delimiter == "\t" ? "tabs" : "'" + layout_.delimiter + "'",
           layout_.header != table_header::none ? ", as in the header"
           : layout_.names.empty()              ? ", as in the first line"
                                                : "",
           ", found ", fields_);
    return true;
  }

  /// The bytes of a field.
  [[nodiscard]] std::string_view field(std::size_t column) const {
    return file_.text().substr(parts_[column].from, parts_[column].length);
  }

  /// The field as UTF-8; "" for no_column.
  [[nodiscard]] std::string text(std::size_t column) const {
    if (column == no_column) return "";
    const std::string_view bytes = field(column);
    if (is_utf8(bytes)) return std::string(bytes);
    if (!layout_.latin_1)
      fail("column '", columns_[column].first, "' holds '", bytes,
           "', which is not UTF-8; convert the file first, for example by iconv -f LATIN1 -t UTF-8");
    return utf8_of_latin_1(bytes);
  }

  /// The field as an action; a rating for no_column.
  [[nodiscard]] engagement action(std::size_t column) const {
    if (column == no_column) return engagement::rating;
    std::string known;
    for (const auto& [action, name] : engagement_names) {
      if (field(column) == name) return action;
      known += (known.empty() ? "" : ", ") + std::string(name);
    }
    fail("column '", columns_[column].first, "' holds '", field(column), "'; expected one of ", known);
  }

  /// The field as a finite number; 1 for no_column.
  [[nodiscard]] double number(std::size_t column) const {
    if (column == no_column) return 1;
    const std::optional<double> value = parse_number(field(column));
    if (!value)
      fail("column '", columns_[column].first, "' holds '", field(column), "'; expected a finite number");
    return *value;
  }

  /// The field as whole seconds since the epoch.
  [[nodiscard]] std::int64_t seconds(std::size_t column, time_format format) const {
    const std::optional<std::int64_t> value = parse_time(field(column), format);
    if (!value)
      fail("column '", columns_[column].first, "' holds '", field(column), "'; expected ",
           expected_time(format));
    return *value;
  }

  /// Throws std::invalid_argument about the current row.
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    file_.fail(parts...);
  }

 private:
  struct part {
    std::size_t from = 0, length = 0;  // in the current line
  };

  void split() {
    fields_ = 0;
    for (std::size_t at = 0;;) {
      const std::string_view line = file_.text();
      if (layout_.quoted && at < line.size() && line[at] == '"') {
        at = split_quoted(at);
      } else {
        const std::size_t end = std::min(find_delimiter(line, at), line.size());
        add_part(at, end - at);
        at = end;
      }
      if (at == file_.text().size()) return;
      at += layout_.delimiter.size();
    }
  }

  /// The field that begins with the quote at `from`; gives the place behind it.
  std::size_t split_quoted(std::size_t from) {
    const std::size_t first = from + 1;
    std::size_t read = first, written = first;
    for (;;) {
      const std::span<char> line = file_.line();
      if (read == line.size()) {
        if (!file_.join_next_line()) fail("the quote that opens field ", fields_ + 1, " is not closed");
        continue;
      }
      if (line[read] == '"') {
        if (read + 1 == line.size() || line[read + 1] != '"') break;
        ++read;
      }
      line[written++] = line[read++];
    }
    ++read;
    if (read < file_.text().size() && !file_.text().substr(read).starts_with(layout_.delimiter))
      fail("field ", fields_ + 1, " goes on after its closing quote; expected '", layout_.delimiter,
           "' there, or a quote inside a field written twice");
    add_part(first, written - first);
    return read;
  }

  void add_part(std::size_t from, std::size_t length) {
    if (fields_ == parts_.size()) parts_.emplace_back();
    parts_[fields_++] = {from, length};
  }

  [[nodiscard]] std::size_t find_delimiter(std::string_view line, std::size_t from) const {
    if (layout_.delimiter.size() != 1) return line.find(layout_.delimiter, from);
    const char delimiter = layout_.delimiter.front();  // fields are short: a loop is faster than a call
    while (from < line.size() && line[from] != delimiter) ++from;
    return from;
  }

  text_file file_;
  table_layout layout_;
  std::vector<part> parts_;  // of which fields_ are in use
  std::size_t fields_ = 0;
  bool waiting_ = false;                                      // the first row is read already
  std::vector<std::pair<std::string, std::string>> columns_;  // name, type
};

}  // namespace recllm::detail
