// Reads engagement logs, items and users from JSON-lines files whose fields are named in the settings.
//
// Format: one JSON object (RFC 8259) a line. Read as a stream; a byte order mark, CRLF, empty lines and a
// missing last newline are tolerated.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/data/dataset_builder.hpp>
#include <recllm/data/dataset_files.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/data/json_file.hpp>
#include <recllm/data/time_format.hpp>

namespace recllm {

/// What read_jsonl()'s fields are called: a key of the line's object, or a pointer of RFC 6901 such as
/// "/post/id". "" = there is none. Ids are texts or integers; numbers and times may be written as text.
struct jsonl_settings {
  std::string user_id = "user_id";  ///< in events and users
  std::string item_id = "item_id";  ///< in events and items
  std::string action = "action";    ///< in events, a name of engagement_names; "" = all are ratings
  std::string value = "value";      ///< in events, a number; must be there for a rating or a dwell,
                                    ///< else 1 where it is not; "" = 1 for each event
  std::string time = "timestamp";   ///< in events
  time_format time_as = time_format::seconds;  ///< of `time`
  std::string title = "title";                 ///< in items
  std::string year = "year";                   ///< in items
  std::string topics = "topics";               ///< in items, a list of texts or one
  std::string description = "description";     ///< in items
  std::vector<std::string> item_attributes{};  ///< in items, kept in this order; "" where there is none
  std::vector<std::string> attributes{};       ///< in users, the same
};

namespace detail {

/// The texts of a field that holds one or a list of them; empty ones are left out.
inline std::vector<std::string> texts_of(const json_file& file, const std::string& name) {
  std::vector<std::string> texts;
  if (name.empty()) return texts;
  const nlohmann::json& value = file.field(name);
  const auto add = [&](const nlohmann::json& one) {
    if (std::string text = file.text_of(one, name); !text.empty()) texts.push_back(std::move(text));
  };
  if (value.is_array())
    for (const nlohmann::json& one : value) add(one);
  else
    add(value);
  return texts;
}

inline engagement action_of(const json_file& file, const std::string& name) {
  if (name.empty()) return engagement::rating;
  const std::string text = file.text(name);
  std::string known;
  for (const auto& [action, word] : engagement_names) {
    if (text == word) return action;
    known += (known.empty() ? "" : ", ") + std::string(word);
  }
  file.fail("field '", name, "' is '", text, "'; expected one of ", known);
}

}  // namespace detail

/// Reads events, and items and users where there are files of them; fields that the settings do not name are
/// passed over. Histories are in time order, equal times in the order of the file.
///
/// Throws std::invalid_argument, naming file, line, field and value, for: a file that is missing or
/// compressed, a line that is no JSON object, a field that is missing or of another kind, an unknown action,
/// an id that is there twice in items or users, an id of the events that is not there, no event at all.
[[nodiscard]] inline dataset read_jsonl(const dataset_files& files, const jsonl_settings& settings = {}) {
  const auto open = [](const std::filesystem::path& path) {
    return detail::json_file("read_jsonl", path, "JSON-lines file there: check dataset_files");
  };
  detail::dataset_builder data;
  if (!files.users.empty()) {
    data.users.listed_in = files.users.string();
    detail::json_file file = open(files.users);
    while (file.next_object()) {
      user one{file.id(settings.user_id), {}};
      for (const std::string& name : settings.attributes) one.attributes.emplace_back(name, file.text(name));
      data.users.add(std::move(one), file);
    }
  }
  if (!files.items.empty()) {
    data.items.listed_in = files.items.string();
    detail::json_file file = open(files.items);
    while (file.next_object()) {
      item one{file.id(settings.item_id),       file.text(settings.title),
               file.text(settings.year),        detail::texts_of(file, settings.topics),
               file.text(settings.description), {}};
      for (const std::string& name : settings.item_attributes)
        one.attributes.emplace_back(name, file.text(name));
      data.items.add(std::move(one), file);
    }
  }
  detail::json_file file = open(files.events);
  while (file.next_object()) {
    const engagement action = detail::action_of(file, settings.action);
    const bool must_tell =
        !settings.value.empty() && (action == engagement::rating || action == engagement::dwell);
    const double value = file.number(settings.value, must_tell ? std::optional<double>() : 1.0);
    const std::uint32_t user = data.users.at(file.id(settings.user_id), file);
    const std::uint32_t item = data.items.at(file.id(settings.item_id), file);
    data.log.add(user, item, value, file.seconds(settings.time, settings.time_as), action);
  }
  if (data.log.size() == 0) file.fail("there is no event; expected at least one line");
  return std::move(data).build();
}

}  // namespace recllm
