// Reads tables of events, items and users from CSV or TSV files whose columns are named in the settings.
//
// Format: RFC 4180 (Shafranovich, 2005), with any delimiter. Read as a stream; a byte order mark, CRLF, empty
// lines and a missing last newline are tolerated.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/data/dataset_files.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/data/read_tables.hpp>
#include <recllm/data/time_format.hpp>

namespace recllm {

/// How read_csv()'s files are written and what their columns are called. Without a header, columns are called
/// "0", "1", ... from the left.
struct csv_settings {
  std::string delimiter = ",";  ///< "\t" for TSV; more than one character is possible
  bool quoted = true;           ///< fields in double quotes may hold delimiters and line ends
  bool header = true;           ///< the first line of each file names its columns

  std::string user_id = "user_id";             ///< in events and users
  std::string item_id = "item_id";             ///< in events and items
  std::string value = "rating";                ///< in events, a number; "" = 1 for each event
  std::string time = "timestamp";              ///< in events
  time_format time_as = time_format::seconds;  ///< of `time`
  std::string action = "";                     ///< in events, a name of engagement_names; "" = all ratings
  std::string title = "title";                 ///< in items; "" = none
  std::string year = "";                       ///< in items; "" = none
  std::string topics = "";                     ///< in items; "" = none
  char topic_separator = '|';                  ///< within topics; '\0': a field is one topic
  std::string description = "";                ///< in items; "" = none
  std::vector<std::string> item_attributes{};  ///< in items, kept in this order
  std::vector<std::string> attributes{};       ///< in users, kept in this order
};

/// Reads events, and items and users where there are files of them. Histories are in time order, equal times
/// in the order of the file.
///
/// Throws std::invalid_argument, naming file, line, column and value, for: a file that is missing, empty,
/// compressed or not UTF-8, a missing column, a row with too many or too few fields, a quote that is not
/// closed or is followed by text, a value that is not a finite number, a time or an action that is none, an
/// id that is there twice in items or users, an id of the events that is not there, no event at all.
[[nodiscard]] inline dataset read_csv(const dataset_files& files, const csv_settings& settings = {}) {
  const auto open = [&](const std::filesystem::path& path) {
    return detail::table_file(
        "read_csv", path, "CSV file there: check dataset_files",
        {.delimiter = settings.delimiter,
         .quoted = settings.quoted,
         .header = settings.header ? detail::table_header::names : detail::table_header::none});
  };
  require(!settings.delimiter.empty() && settings.delimiter.find_first_of("\"\r\n") == std::string::npos,
          "recllm: read_csv: the delimiter is '", settings.delimiter,
          "'; expected one or more characters other than quotes and line ends");
  constexpr const char* where = "csv_settings";
  detail::dataset_builder data;
  if (!files.users.empty()) {
    data.users.listed_in = files.users.string();
    detail::read_users(open(files.users), {settings.user_id, settings.attributes}, where, data,
                       detail::as_it_is{});
  }
  if (!files.items.empty()) {
    data.items.listed_in = files.items.string();
    detail::read_items(open(files.items),
                       {settings.item_id, settings.title, settings.year, settings.topics,
                        settings.description, settings.item_attributes, settings.topic_separator},
                       where, data, detail::as_it_is{});
  }
  detail::read_events(
      open(files.events),
      {settings.user_id, settings.item_id, settings.value, settings.time, settings.action, settings.time_as},
      where, data);
  return std::move(data).build();
}

}  // namespace recllm
