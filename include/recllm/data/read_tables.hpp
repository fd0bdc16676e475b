// Tables of events, items and users -> a dataset: what RecBole's, MovieLens' and other CSV files have in
// common.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <recllm/data/dataset_builder.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/data/table_file.hpp>

namespace recllm::detail {

/// Column names; "" = there is no such column.
struct event_columns {
  std::string user, item, value, time, action{};
  time_format time_as = time_format::seconds;
};
struct item_columns {
  std::string id, title, year, topics, description{};
  std::vector<std::string> attributes{};
  char topic_separator = '|';  ///< within a list of topics; 0: a field is one topic
};
struct user_columns {
  std::string id;
  std::vector<std::string> attributes{};
};

/// The last word on an entry that is well as it is.
struct as_it_is {
  template <class Entry>
  void operator()(Entry&, const table_file&) const {}
};

inline std::vector<std::size_t> columns_of(const table_file& file, const std::vector<std::string>& names,
                                           std::string_view settings) {
  std::vector<std::size_t> columns;
  for (const std::string& name : names) columns.push_back(file.column(name, settings));
  return columns;
}

/// `settings` is the place that the caller can name columns in. `finish(item&, file)` has the last word
/// on an item.
template <class Finish>
void read_items(table_file&& file, const item_columns& names, std::string_view settings, dataset_builder& to,
                Finish finish) {
  const std::size_t id = file.column(names.id, settings);
  const std::size_t title = file.column_or_none(names.title, settings);
  const std::size_t year = file.column_or_none(names.year, settings);
  const std::size_t topics = file.column_or_none(names.topics, settings);
  const std::size_t description = file.column_or_none(names.description, settings);
  const std::vector<std::size_t> columns = columns_of(file, names.attributes, settings);
  while (file.next_row()) {
    item one{file.text(id), file.text(title), file.text(year), {}, file.text(description), {}};
    const std::string listed = file.text(topics);
    if (names.topic_separator == '\0') {
      if (!listed.empty()) one.topics.push_back(listed);
    } else {
      for (const std::string_view topic : split_at(listed, names.topic_separator))
        if (!topic.empty()) one.topics.emplace_back(topic);
    }
    for (std::size_t a = 0; a < columns.size(); ++a)
      one.attributes.emplace_back(names.attributes[a], file.text(columns[a]));
    finish(one, file);
    to.items.add(std::move(one), file);
  }
}

/// The same for users.
template <class Finish>
void read_users(table_file&& file, const user_columns& names, std::string_view settings, dataset_builder& to,
                Finish finish) {
  const std::size_t id = file.column(names.id, settings);
  const std::vector<std::size_t> columns = columns_of(file, names.attributes, settings);
  while (file.next_row()) {
    user one{file.text(id), {}};
    for (std::size_t a = 0; a < columns.size(); ++a)
      one.attributes.emplace_back(names.attributes[a], file.text(columns[a]));
    finish(one, file);
    to.users.add(std::move(one), file);
  }
}

inline void read_events(table_file&& file, const event_columns& names, std::string_view settings,
                        dataset_builder& to) {
  const std::size_t user_id = file.column(names.user, settings), item_id = file.column(names.item, settings);
  const std::size_t value = file.column_or_none(names.value, settings);
  const std::size_t time = file.column(names.time, settings);
  const std::size_t action = file.column_or_none(names.action, settings);
  while (file.next_row())
    to.log.add(to.users.at(file.field(user_id), file), to.items.at(file.field(item_id), file),
               file.number(value), file.seconds(time, names.time_as), file.action(action));
  if (to.log.size() == 0) file.fail("there is no interaction; expected at least one row");
}

}  // namespace recllm::detail
