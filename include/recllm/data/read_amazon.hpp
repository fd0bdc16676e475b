// Reads Amazon's reviews and metadata of 2014 and 2018 (JSON lines), and 5-core sequences made of them.
//
// Sources: McAuley, Targett, Shi, van den Hengel, Image-based Recommendations on Styles and Substitutes,
// SIGIR 2015 (the data of 2014); Ni, Li, McAuley, Justifying Recommendations using Distantly-Labeled Reviews
// and Fine-Grained Aspects, EMNLP 2019 (2018). Sequences: the format of S3-Rec (Zhou et al.,
// arXiv:2008.07873).
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/data/dataset_builder.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/data/json_file.hpp>
#include <recllm/data/table_file.hpp>

namespace recllm {

/// The files of read_amazon(), unpacked.
struct amazon_files {
  std::filesystem::path reviews;     ///< reviews_<Category>_5.json, <Category>_5.json
  std::filesystem::path metadata{};  ///< meta_<Category>.json as strict JSON; "" = items have only their ids
};

namespace detail {

/// Different texts of a list, or of lists in a list, in order of first appearance, the one text itself; not
/// of deeper `lists`.
inline void add_texts(const json_file& file, const nlohmann::json& value, const std::string& name,
                      std::vector<std::string>& texts, int lists = 2) {
  if (value.is_array() && lists > 0) {
    for (const nlohmann::json& one : value) add_texts(file, one, name, texts, lists - 1);
    return;
  }
  std::string text = file.text_of(value, name);
  if (!text.empty() && std::ranges::find(texts, text) == texts.end()) texts.push_back(std::move(text));
}

/// Title, description, topics (the categories), and attributes brand and price where they are there.
inline void describe_product(const json_file& file, item& product) {
  const auto texts = [&](const char* name) {
    std::vector<std::string> all;
    add_texts(file, file.field(name), name, all);
    return all;
  };
  product.title = file.text("title");
  for (const std::string& part : texts("description"))  // 2014: a text, 2018: a list
    product.description += (product.description.empty() ? "" : " ") + part;
  for (const char* name : {"category", "categories"})  // 2018: a list, 2014: a list of paths
    for (std::string& topic : texts(name))
      if (std::ranges::find(product.topics, topic) == product.topics.end())
        product.topics.push_back(std::move(topic));
  for (const char* name : {"brand", "price"})
    if (std::string value = file.text(name); !value.empty())
      product.attributes.emplace_back(name, std::move(value));
}

}  // namespace detail

/// Reads reviews as ratings (`overall`, 1 to 5, at `unixReviewTime`) by `reviewerID` of `asin`; the years
/// 2014 and 2018 have these fields in common. Users and items are those of the reviews, in order of first
/// appearance. Items are described by the metadata where it has them (the first row of an asin counts):
/// title, description, topics = the different categories from the root on, attributes brand and price.
///
/// Throws std::invalid_argument, naming file, line, field and value, for: a file that is missing or still
/// compressed, a line that is no JSON object (2014's metadata are Python literals; the message tells how to
/// convert them), a field that is missing or of another kind, no review at all.
[[nodiscard]] inline dataset read_amazon(const amazon_files& files) {
  const auto open = [](const std::filesystem::path& path) {
    return detail::json_file("read_amazon", path, "file of JSON lines there: check amazon_files");
  };
  detail::dataset_builder data;
  detail::json_file reviews = open(files.reviews);
  while (reviews.next_object()) {
    const double stars = reviews.number("overall", {});
    const std::uint32_t user = data.users.at(reviews.id("reviewerID"), reviews);
    const std::uint32_t item = data.items.at(reviews.id("asin"), reviews);
    data.log.add(user, item, stars, reviews.seconds("unixReviewTime", time_format::seconds),
                 engagement::rating);
  }
  if (data.log.size() == 0) reviews.fail("there is no review; expected at least one line");
  if (!files.metadata.empty()) {
    detail::json_file metadata = open(files.metadata);
    std::vector<bool> described(data.items.entries.size(), false);
    while (metadata.next_object()) {
      const std::uint32_t at = data.items.positions.find(metadata.id("asin"));
      if (at == detail::id_table::none || described[at]) continue;
      described[at] = true;
      detail::describe_product(metadata, data.items.entries[at]);
    }
  }
  return std::move(data).build();
}

namespace detail {

/// A user and the items of a line of a sequence file, parted by blanks.
inline void read_sequences(const std::filesystem::path& path, bool header, dataset_builder& data) {
  text_file file("read_amazon_sequences", path, "file of sequences");
  if (header && !file.next_line()) file.fail("the file is empty; expected a header");
  if (header && !file.text().starts_with("user_id"))
    file.fail("the header is '", file.text(), "'; expected user_id and item_ids");
  while (file.next_line()) {
    std::string_view rest = file.text();
    const auto next_word = [&] {
      rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
      const std::string_view word = rest.substr(0, rest.find_first_of(" \t"));
      rest.remove_prefix(word.size());
      return word;
    };
    const std::string_view id = next_word();
    if (id.empty()) continue;
    if (data.users.positions.find(id) != id_table::none)
      file.fail("user '", id, "' is there twice; expected one line each");
    const std::uint32_t user = data.users.at(id, file);
    std::int64_t place = 0;
    for (std::string_view word = next_word(); !word.empty(); word = next_word())
      data.log.add(user, data.items.at(word, file), 1, place++, engagement::purchase);
    if (place == 0) file.fail("user '", id, "' has no items; expected their ids, oldest first");
  }
  if (data.log.size() == 0) file.fail("there is no sequence; expected lines of a user and items");
}

}  // namespace detail

/// Reads 5-core sequences: a line a user, with the items' ids oldest first, in sequences.tsv (under a header
/// that begins with user_id) or sequential_data.txt (without); and items.tsv, where it is there, with the
/// columns item_id, title, brand and categories (a path, "Beauty > Makeup > Nails") and perhaps others:
/// topics are the parts of the path, attributes are brand and all other columns, where they hold something.
///
/// The files tell neither time nor kind: events are purchases of value 1, and their time is their place in
/// the sequence, 0, 1, ...: an order, no date. Throws std::invalid_argument, naming file, line and value, for
/// whatever does not fit.
[[nodiscard]] inline dataset read_amazon_sequences(const std::filesystem::path& folder) {
  const std::filesystem::path tsv = folder / "sequences.tsv", text = folder / "sequential_data.txt";
  const bool header = std::filesystem::exists(tsv);
  require(header || std::filesystem::exists(text), "recllm: read_amazon_sequences: ", folder,
          " holds neither sequences.tsv nor sequential_data.txt; expected one of them");
  detail::dataset_builder data;
  if (const std::filesystem::path path = folder / "items.tsv"; std::filesystem::exists(path)) {
    data.items.listed_in = path.string();
    detail::table_file file("read_amazon_sequences", path, "file of items", {});
    constexpr const char* where = "the header as item_id, title, brand and categories";
    const std::size_t id = file.column("item_id", where), title = file.column("title", where);
    const std::size_t categories = file.column("categories", where);
    while (file.next_row()) {
      item one{file.text(id), file.text(title), "", {}, "", {}};
      const std::string listed = file.text(categories);
      for (std::string_view parts = listed; !parts.empty();) {
        const std::size_t end = std::min(parts.find(" > "), parts.size());
        if (end > 0) one.topics.emplace_back(parts.substr(0, end));
        parts.remove_prefix(std::min(end + 3, parts.size()));
      }
      for (std::size_t c = 0; c < file.columns(); ++c)
        if (c != id && c != title && c != categories && !file.field(c).empty())
          one.attributes.emplace_back(file.name(c), file.text(c));
      data.items.add(std::move(one), file);
    }
  }
  detail::read_sequences(header ? tsv : text, header, data);
  return std::move(data).build();
}

}  // namespace recllm
