// Reads RecBole's atomic files (.inter, .item, .user): tab-separated text under a header of name:type.
//
// Format: Zhao et al., RecBole, arXiv:2011.01731. Types: token (text), token_seq (texts parted
// by spaces), float, float_seq. Read as a stream; a byte order mark, CRLF, empty lines and a missing last
// newline are tolerated.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/data/read_tables.hpp>

namespace recllm {

/// Which files and columns read_recbole() reads. The defaults are those of RecBole's MovieLens-100k.
struct recbole_settings {
  std::string name{};  ///< the files are <name>.inter, <name>.item, <name>.user; "" = the one .inter there is
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

}  // namespace detail

/// Reads <name>.inter, <name>.item and <name>.user of `folder`. Users and items keep the order of their
/// files; histories are in time order, equal times in the order of .inter.
///
/// Throws std::invalid_argument, naming file, line, column and value, for: a file that is missing or empty, a
/// header field without a type, a missing column, a row with too many or too few fields, text that is not
/// UTF-8, a rating or time that is not a finite number, an id that is there twice, a user or item of .inter
/// without a row of its own, no interaction at all.
[[nodiscard]] inline dataset read_recbole(const std::filesystem::path& folder,
                                          const recbole_settings& settings = {}) {
  require(std::filesystem::is_directory(folder), "recllm: read_recbole: ", folder,
          " is not a folder; expected one that holds RecBole atomic files");
  const std::string base =
      (folder / (settings.name.empty() ? detail::only_dataset_of(folder) : settings.name)).string();
  const auto open = [&](const char* kind) {
    return detail::table_file("read_recbole", base + kind,
                              "RecBole file there: check the folder, or set recbole_settings::name",
                              {.header = detail::table_header::typed});
  };
  constexpr const char* where = "recbole_settings";
  detail::dataset_builder data;
  data.users.listed_in = "the .user file";
  data.items.listed_in = "the .item file";
  detail::read_users(open(".user"), {settings.user_id, settings.attributes}, where, data, detail::as_it_is{});
  {
    detail::table_file file = open(".item");
    const bool list = !settings.topics.empty() && file.is_sequence(file.column(settings.topics, where));
    detail::read_items(std::move(file),
                       {settings.item_id, settings.title, settings.year, settings.topics,
                        settings.description, settings.item_attributes, list ? ' ' : '\0'},
                       where, data, detail::as_it_is{});
  }
  detail::read_events(open(".inter"),
                      {settings.user_id, settings.item_id, settings.rating, settings.time, settings.action},
                      where, data);
  return std::move(data).build();
}

}  // namespace recllm
