// Writes a dataset as RecBole's atomic files, which read_recbole() and RecBole itself read.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/atomic_file.hpp>
#include <recllm/core/check.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/data/read_recbole.hpp>

namespace recllm {

namespace detail {

/// A field as it stands in an atomic file.
inline std::string_view atomic_field(std::string_view text, std::string_view column) {
  require(text.find_first_of("\t\r\n") == std::string_view::npos, "recllm: write_recbole: column '", column,
          "' would hold '", text, "'; expected text without tabs and line ends");
  return text;
}

/// `attributes` of `names`, tab-separated, each after a tab.
template <class Attributes>
void write_attributes(std::ostream& out, const Attributes& attributes, const std::vector<std::string>& names,
                      std::string_view id) {
  for (const std::string& name : names) {
    const auto found =
        std::ranges::find(attributes, name, [](const auto& attribute) { return attribute.first; });
    require(found != attributes.end(), "recllm: write_recbole: '", id, "' has no attribute '", name, "'");
    out << '\t' << atomic_field(found->second, name);
  }
}

}  // namespace detail

/// Writes <name>.user, <name>.item and <name>.inter into `folder`, made if it is not there, with the columns
/// that `settings` names (a column called "" is left out); settings.name must not be empty. Rows keep the
/// order of the dataset, a user's events together; read_recbole() with the same settings gives the same
/// dataset. Each file appears whole or not at all.
///
/// Throws std::invalid_argument for text that the format cannot hold (tabs, line ends, a topic with a space
/// or an empty one) and a missing attribute or column of actions; std::runtime_error where a file cannot be
/// written.
inline void write_recbole(const dataset& data, const std::filesystem::path& folder,
                          const recbole_settings& settings) {
  require(!settings.name.empty(),
          "recllm: write_recbole: expected a name for the files in recbole_settings::name");
  std::filesystem::create_directories(folder);
  const std::string base = (folder / settings.name).string();

  write_file_atomically(base + ".user", [&](std::ostream& out) {
    out << settings.user_id << ":token";
    for (const std::string& name : settings.attributes) out << '\t' << name << ":token";
    for (const user& one : data.users) {
      out << '\n' << detail::atomic_field(one.id, settings.user_id);
      detail::write_attributes(out, one.attributes, settings.attributes, one.id);
    }
    out << '\n';
  });

  write_file_atomically(base + ".item", [&](std::ostream& out) {
    out << settings.item_id << ":token\t" << settings.title << ":token_seq";
    if (!settings.year.empty()) out << '\t' << settings.year << ":token";
    if (!settings.topics.empty()) out << '\t' << settings.topics << ":token_seq";
    if (!settings.description.empty()) out << '\t' << settings.description << ":token_seq";
    for (const std::string& name : settings.item_attributes) out << '\t' << name << ":token";
    for (const item& one : data.items) {
      out << '\n'
          << detail::atomic_field(one.id, settings.item_id) << '\t'
          << detail::atomic_field(one.title, settings.title);
      if (!settings.year.empty()) out << '\t' << detail::atomic_field(one.year, settings.year);
      if (!settings.topics.empty()) out << '\t';
      for (std::size_t t = 0; t < one.topics.size() && !settings.topics.empty(); ++t) {
        require(!one.topics[t].empty() && one.topics[t].find(' ') == std::string::npos,
                "recllm: write_recbole: item '", one.id, "' has the topic '", one.topics[t],
                "'; expected a word without spaces");
        out << (t == 0 ? "" : " ") << detail::atomic_field(one.topics[t], settings.topics);
      }
      if (!settings.description.empty())
        out << '\t' << detail::atomic_field(one.description, settings.description);
      detail::write_attributes(out, one.attributes, settings.item_attributes, one.id);
    }
    out << '\n';
  });

  write_file_atomically(base + ".inter", [&](std::ostream& out) {
    out << settings.user_id << ":token\t" << settings.item_id << ":token\t" << settings.rating << ":float\t"
        << settings.time << ":float";
    if (!settings.action.empty()) out << '\t' << settings.action << ":token";
    std::array<char, 32> digits{};
    for (const std::vector<event>& history : data.histories)
      for (const event& e : history) {
        require(!settings.action.empty() || e.action == engagement::rating, "recllm: write_recbole: user '",
                data.users[e.user].id,
                "' did something else than rate; name a column for it in recbole_settings::action");
        const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), e.value).ptr;
        out << '\n'
            << data.users[e.user].id << '\t' << data.items[e.item].id << '\t'
            << std::string_view(digits.data(), end) << '\t' << e.time;
        if (!settings.action.empty())
          out << '\t' << engagement_names[static_cast<std::size_t>(e.action)].second;
      }
    out << '\n';
  });
}

}  // namespace recllm
