// Answers of ids and of titles. Input: the answer; the pool, a name a line. What is found is in the pool,
// what is rejected stands on the line that is named, and a plain list of the pool's own names is read back.
#include <algorithm>
#include <set>
#include <unordered_map>

#include <recllm/text/answer.hpp>

#include "fuzz/fuzz.hpp"

using namespace recllm;
using fuzz::expect;

namespace {

std::size_t count(std::string_view text, std::string_view part) { return fuzz::parts(text, part).size() - 1; }

/// One think block, then one answer block, and nothing else but white space, by a search for the tags.
bool well_formed(std::string_view text) {
  constexpr std::string_view tags[] = {"<think>", "</think>", "<answer>", "</answer>"};
  const auto blank = [](std::string_view part) {
    return part.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
  };
  std::size_t end = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t at = text.find(tags[i]);
    if (count(text, tags[i]) != 1 || at < end) return false;
    if (i % 2 == 0 && !blank(text.substr(end, at - end))) return false;
    end = at + tags[i].size();
  }
  return blank(text.substr(end));
}

void check(const std::string& text, const parsed_answer& answer, std::size_t items) {
  for (const std::size_t item : answer.items) expect(item < items, "item ", item, " of ", items);
  const std::vector<std::string> lines = fuzz::lines(text);
  std::size_t line = 1;
  for (const rejected_part& part : answer.rejected) {
    expect(part.line >= line && part.line <= lines.size(), "line ", part.line, " after ", line);
    line = part.line;
    expect(!part.text.empty() && !part.reason.empty(), "rejected without text or reason");
    expect(lines[line - 1].find(part.text) != std::string::npos, "'", part.text, "' is not on line ", line);
  }
  expect(text.find(answer.reasoning) != std::string::npos, "reasoning that was not said: ", answer.reasoning);
  expect(answer.well_formed == well_formed(text), "well-formed: ", answer.well_formed);
}

/// Whether a name is of letters and digits, and of single spaces between them.
bool is_plain(std::string_view name, bool spaces) {
  const auto fits = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (spaces && c == ' ');
  };
  return !name.empty() && std::ranges::all_of(name, fits) && name.front() != ' ' && name.back() != ' ' &&
         name.find("  ") == std::string_view::npos;
}

/// A numbered list of a pool's plain names is read back; as ids or as titles.
void check_round_trip(std::vector<std::string> names, bool as_titles) {
  std::erase_if(names, [&](const std::string& name) { return !is_plain(name, as_titles); });
  const title_pool titles(names);
  std::unordered_map<std::string, std::size_t> ids;
  std::string list = "<think>because</think>\n<answer>\n";
  std::vector<std::size_t> expected;
  for (std::size_t i = 0; i < names.size(); ++i) {
    ids.emplace(names[i], i);
    list += std::to_string(i + 1) + ". " + names[i] + "\n";
    expected.push_back(as_titles ? titles(names[i]).value() : ids.at(names[i]));
  }
  const parsed_answer again =
      as_titles ? parse_answer(list + "</answer>", titles) : parse_answer(list + "</answer>", ids);
  expect(again.items == expected && again.rejected.empty(), "not read back:\n", list);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 2);
  const std::string& text = texts[0];
  const std::vector<std::string> names = fuzz::lines(texts[1]);

  std::unordered_map<std::string, std::size_t> ids;
  for (std::size_t i = 0; i < names.size(); ++i) ids.emplace(names[i], i);
  const parsed_answer by_id = parse_answer(text, ids);
  check(text, by_id, names.size());
  const auto find = [&](std::string_view name) {
    const auto found = ids.find(std::string(name));
    return found == ids.end() ? std::nullopt : std::optional(found->second);
  };
  expect(parse_answer(text, find).items == by_id.items, "a callable is another pool than the map");

  const title_pool titles(names);
  check(text, parse_answer(text, titles), names.size());
  for (const std::string& name : names) {
    const auto found = titles(name);
    const bool blank = name.find_first_not_of(" \t\r\n\v\f") == std::string::npos;
    expect(found.has_value() || blank, "a title is not found: ", name);
    const title_match match = titles.nearest(name);
    expect(match.item ? *match.item < names.size() : !match.reason.empty(), "no item and no reason");
  }

  check_round_trip(names, false);
  check_round_trip(names, true);
  return 0;
}
