// Reads RecBole's atomic files (.inter, .item, .user): tab-separated text under a header of name:type.
//
// Format: Zhao et al., RecBole, arXiv:2011.01731. Types: token (text), token_seq (texts parted
// by spaces), float, float_seq. Read as a stream; a byte order mark, CRLF, empty lines and a missing last
// newline are tolerated.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/data/interactions.hpp>

namespace recllm {

/// Which files and columns read_recbole() reads. The defaults are those of RecBole's MovieLens-100k.
struct recbole_settings {
  std::string name;  ///< the files are <name>.inter, <name>.item, <name>.user; "" = the one .inter there is
  std::string user_id = "user_id";    ///< in .inter and .user
  std::string item_id = "item_id";    ///< in .inter and .item
  std::string rating = "rating";      ///< in .inter, a number
  std::string time = "timestamp";     ///< in .inter, a number of seconds; a fraction is cut off
  std::string action = "";            ///< in .inter, a name of engagement_names; "" = all are ratings
  std::string title = "movie_title";  ///< in .item
  std::string year = "release_year";  ///< in .item; "" = none
  std::string topics = "class";       ///< in .item: a token_seq gives several topics, a token one; "" = none
  std::string description = "";       ///< in .item; "" = none
  std::vector<std::string> item_attributes{};                          ///< in .item, kept in this order
  std::vector<std::string> attributes{"age", "gender", "occupation"};  ///< in .user, kept in this order
};

namespace detail {

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

/// Stands for a column that is not read.
inline constexpr std::size_t no_column = std::numeric_limits<std::size_t>::max();

/// One atomic file, read row by row. Fields borrow from the current line.
class atomic_file {
 public:
  explicit atomic_file(const std::string& path) : path_(path), in_(path, std::ios::binary) {
    require(std::filesystem::is_regular_file(path_) && in_.is_open(), "recllm: read_recbole: cannot open ",
            path_,
            "; expected a readable RecBole file there: check the folder, or set recbole_settings::name");
    require(next_line(), "recllm: read_recbole: ", path_,
            " is empty; expected a header such as user_id:token");
    for (const std::string_view field : fields_) {
      const std::size_t colon = field.rfind(':');
      const std::string_view type = colon == std::string_view::npos ? "" : field.substr(colon + 1);
      if (type != "token" && type != "token_seq" && type != "float" && type != "float_seq")
        fail("the header field '", field,
             "' is not name:type with type token, token_seq, float or float_seq");
      columns_.emplace_back(field.substr(0, colon), type);
    }
  }
  atomic_file(const atomic_file&) = delete;
  atomic_file& operator=(const atomic_file&) = delete;

  /// The position of a column; throws if the header does not have it.
  [[nodiscard]] std::size_t column(const std::string& name) const {
    std::string found;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (columns_[c].first == name) return c;
      found += (c == 0 ? "" : ", ") + columns_[c].first;
    }
    fail("there is no column '", name, "'; found: ", found, "; name the columns in recbole_settings");
  }

  /// The same, but no_column for "".
  [[nodiscard]] std::size_t column_or_none(const std::string& name) const {
    return name.empty() ? no_column : column(name);
  }

  [[nodiscard]] bool is_sequence(std::size_t column) const { return columns_[column].second == "token_seq"; }

  /// Goes to the next row; false at the end of the file.
  bool next_row() {
    if (!next_line()) return false;
    if (fields_.size() != columns_.size())
      fail("expected ", columns_.size(), " fields parted by tabs, as in the header, found ", fields_.size());
    return true;
  }

  /// The field; "" for no_column.
  [[nodiscard]] std::string text(std::size_t column) const {
    return column == no_column ? "" : std::string(fields_[column]);
  }

  /// The field as an action; a rating for no_column.
  [[nodiscard]] engagement action(std::size_t column) const {
    if (column == no_column) return engagement::rating;
    std::string known;
    for (const auto& [action, name] : engagement_names) {
      if (fields_[column] == name) return action;
      known += (known.empty() ? "" : ", ") + std::string(name);
    }
    fail("column '", columns_[column].first, "' holds '", fields_[column], "'; expected one of ", known);
  }

  /// The field as a finite number.
  [[nodiscard]] double number(std::size_t column) const {
    double value = 0;
    if (!parse(fields_[column], value) || !std::isfinite(value))
      fail("column '", columns_[column].first, "' holds '", fields_[column], "'; expected a finite number");
    return value;
  }

  /// The field as whole seconds.
  [[nodiscard]] std::int64_t seconds(std::size_t column) const {
    std::int64_t whole = 0;
    if (parse(fields_[column], whole)) return whole;
    const double value = number(column);
    if (std::abs(value) >= 0x1p63)
      fail("column '", columns_[column].first, "' holds '", fields_[column],
           "'; expected seconds that fit 64 bits");
    return static_cast<std::int64_t>(value);
  }

  /// Throws std::invalid_argument about the current line.
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw std::invalid_argument(message("recllm: read_recbole: ", path_, ":", line_number_, ": ", parts...));
  }

 private:
  template <class Number>
  static bool parse(std::string_view field, Number& value) {
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    return error == std::errc{} && end == field.data() + field.size();
  }

  bool next_line() {
    do {
      if (!std::getline(in_, line_)) {
        if (in_.bad()) fail("reading failed after this line");
        return false;
      }
      if (++line_number_ == 1 && line_.starts_with("\xEF\xBB\xBF")) line_.erase(0, 3);
      if (line_.ends_with('\r')) line_.pop_back();
    } while (line_.empty());
    fields_ = split_at(line_, '\t');
    return true;
  }

  std::string path_;
  std::ifstream in_;
  std::string line_;
  std::size_t line_number_ = 0;
  std::vector<std::string_view> fields_;
  std::vector<std::pair<std::string, std::string>> columns_;  // name, type
};

/// The base name of the only .inter file of a folder.
inline std::string only_dataset_of(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".inter") names.push_back(entry.path().stem().string());
  require(!names.empty(), "recllm: read_recbole: ", folder,
          " holds no .inter file; expected RecBole atomic files <name>.inter, <name>.item and <name>.user");
  require(names.size() == 1, "recllm: read_recbole: ", folder, " holds ", names.size(),
          " .inter files; say which one in recbole_settings::name");
  return names.front();
}

/// Position by id. Throws if the id came before.
using id_positions = std::unordered_map<std::string, std::size_t>;
inline void add_id(id_positions& positions, const std::string& id, const char* kind,
                   const atomic_file& file) {
  if (!positions.emplace(id, positions.size()).second)
    file.fail(kind, " id '", id, "' is there twice; expected one row each");
}

/// The position of an id of the current row.
inline std::size_t find_id(const id_positions& positions, const std::string& id, const char* kind,
                           const atomic_file& file) {
  const auto found = positions.find(id);
  if (found == positions.end())
    file.fail(kind, " '", id, "' has no row in the .", kind, " file; add it there or leave this row out");
  return found->second;
}

inline std::vector<item> read_items(atomic_file&& file, const recbole_settings& names,
                                    id_positions& positions) {
  const std::size_t id = file.column(names.item_id), title = file.column(names.title);
  const std::size_t year = file.column_or_none(names.year), topics = file.column_or_none(names.topics);
  const std::size_t description = file.column_or_none(names.description);
  std::vector<std::size_t> columns;
  for (const std::string& name : names.item_attributes) columns.push_back(file.column(name));
  std::vector<item> items;
  while (file.next_row()) {
    add_id(positions, file.text(id), "item", file);
    item one{file.text(id), file.text(title), file.text(year), {}, file.text(description), {}};
    const std::string listed = file.text(topics);
    if (topics != no_column && !file.is_sequence(topics) && !listed.empty()) one.topics.push_back(listed);
    if (topics != no_column && file.is_sequence(topics))
      for (const std::string_view topic : split_at(listed, ' '))
        if (!topic.empty()) one.topics.emplace_back(topic);
    for (std::size_t a = 0; a < columns.size(); ++a)
      one.attributes.emplace_back(names.item_attributes[a], file.text(columns[a]));
    items.push_back(std::move(one));
  }
  return items;
}

inline std::vector<user> read_users(atomic_file&& file, const recbole_settings& names,
                                    id_positions& positions) {
  const std::size_t id = file.column(names.user_id);
  std::vector<std::size_t> columns;
  for (const std::string& name : names.attributes) columns.push_back(file.column(name));
  std::vector<user> users;
  while (file.next_row()) {
    add_id(positions, file.text(id), "user", file);
    user one{file.text(id), {}};
    for (std::size_t a = 0; a < columns.size(); ++a)
      one.attributes.emplace_back(names.attributes[a], file.text(columns[a]));
    users.push_back(std::move(one));
  }
  return users;
}

inline std::vector<event> read_events(atomic_file&& file, const recbole_settings& names,
                                      const id_positions& users, const id_positions& items) {
  const std::size_t user_id = file.column(names.user_id), item_id = file.column(names.item_id);
  const std::size_t rating = file.column(names.rating), time = file.column(names.time);
  const std::size_t action = file.column_or_none(names.action);
  std::vector<event> events;
  while (file.next_row())
    events.push_back({find_id(users, file.text(user_id), "user", file),
                      find_id(items, file.text(item_id), "item", file), file.number(rating),
                      file.seconds(time), file.action(action)});
  if (events.empty()) file.fail("there is a header but no interaction after it");
  return events;
}

}  // namespace detail

/// Reads <name>.inter, <name>.item and <name>.user of `folder`. Users and items keep the order of their
/// files; histories are in time order, equal times in the order of .inter.
///
/// Throws std::invalid_argument, naming file, line, column and value, for: a file that is missing or empty, a
/// header field without a type, a missing column, a row with too many or too few fields, a rating or time
/// that is not a finite number, an id that is there twice, a user or item of .inter without a row of its own,
/// no interaction at all.
[[nodiscard]] inline dataset read_recbole(const std::filesystem::path& folder,
                                          const recbole_settings& settings = {}) {
  require(std::filesystem::is_directory(folder), "recllm: read_recbole: ", folder,
          " is not a folder; expected one that holds RecBole atomic files");
  const std::string base =
      (folder / (settings.name.empty() ? detail::only_dataset_of(folder) : settings.name)).string();
  detail::id_positions user_positions, item_positions;
  std::vector<user> users = detail::read_users(detail::atomic_file(base + ".user"), settings, user_positions);
  std::vector<item> items = detail::read_items(detail::atomic_file(base + ".item"), settings, item_positions);
  const std::vector<event> events =
      detail::read_events(detail::atomic_file(base + ".inter"), settings, user_positions, item_positions);
  return assemble(std::move(users), std::move(items), events);
}

}  // namespace recllm
