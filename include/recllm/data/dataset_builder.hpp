// What readers fill: users and items by id, and the log of what happened between them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/data/event_log.hpp>
#include <recllm/data/id_table.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/text/utf8.hpp>

namespace recllm::detail {

/// Users or items and their positions by id.
template <class Entry>
struct entry_list {
  std::string kind;         ///< user or item
  std::string listed_in{};  ///< the file that lists all of them; "" = those of the log are added as they come
  std::vector<Entry> entries{};
  id_table positions{};

  /// Adds an entry with a row of its own; `row.fail` throws if there is one of that id already.
  template <class Row>
  void add(Entry entry, const Row& row) {
    if (entry.id.empty()) row.fail(kind, " id is empty; expected an id in every row");
    if (positions.find(entry.id) != id_table::none)
      row.fail(kind, " id '", entry.id, "' is there twice; expected one row each");
    positions.find_or_add(entry.id);
    entries.push_back(std::move(entry));
  }

  /// The position of an id of the log.
  template <class Row>
  [[nodiscard]] std::uint32_t at(std::string_view id, const Row& row) {
    if (!listed_in.empty()) {
      const std::uint32_t found = positions.find(id);
      if (found == id_table::none)
        row.fail(kind, " '", id, "' has no row in ", listed_in, "; add it there or leave this row out");
      return found;
    }
    if (id.empty()) row.fail(kind, " id is empty; without one, events of many would be taken for one's");
    const std::uint32_t found = positions.find_or_add(id);
    if (found == entries.size()) {
      if (!is_utf8(id))
        row.fail(kind, " id '", id, "' is not UTF-8; convert the file first, for example by iconv");
      entries.emplace_back().id = id;
    }
    return found;
  }
};

/// A dataset in the making.
struct dataset_builder {
  entry_list<user> users{"user"};
  entry_list<item> items{"item"};
  event_log log{};

  [[nodiscard]] dataset build() && {
    dataset data{std::move(users.entries), std::move(items.entries), {}};
    users.positions = {};  // gives memory back before the histories need it
    items.positions = {};
    data.histories = std::move(log).histories(data.users.size());
    return data;
  }
};

}  // namespace recllm::detail
