#include <recllm/text/token_budget.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/text/prompt_template.hpp>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

using texts = std::vector<std::string>;

const auto bytes = [](std::string_view text) { return text.size(); };

/// Pairs of equal letters are one token: a merge may cross the border of two items.
std::size_t merged(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++count)
    i += i + 1 < text.size() && text[i] == text[i + 1] ? 2 : 1;
  return count;
}

const texts watched{"Heat", "Babe", "Fargo", "Alien"}, pool{"Up", "Ran", "Jaws"};

std::string ask_with(const kept_items& kept) {
  constexpr prompt_template<"{?seen}Seen: {seen}. {/seen}Pick from {pool}."> ask;
  return ask("seen"_a = kept("seen", watched), "pool"_a = kept("pool", pool));
}

fitted_prompt fit(std::size_t tokens) {
  return fit_to_budget(token_budget{tokens, bytes},
                       {{.name = "pool", .size = 3, .priority = 2, .at_least = 1, .drop = drop_from::back},
                        {.name = "seen", .size = 4, .priority = 1}},
                       ask_with);
}

}  // namespace

TEST_CASE("a prompt that fits stays whole") {
  const fitted_prompt whole = fit(1000);
  CHECK(whole.text == "Seen: Heat, Babe, Fargo, Alien. Pick from Up, Ran, Jaws.");
  CHECK(whole.tokens == whole.text.size());
  CHECK(whole.kept.dropped("seen") == 0);
  CHECK(whole.counts == 1);
  CHECK(fit(whole.tokens).text == whole.text);
}

TEST_CASE("sections are shortened by priority, whole items from the end that was named") {
  CHECK(fit(55).text == "Seen: Babe, Fargo, Alien. Pick from Up, Ran, Jaws.");
  CHECK(fit(49).text == "Seen: Fargo, Alien. Pick from Up, Ran, Jaws.");
  CHECK(fit(36).text == "Pick from Up, Ran, Jaws.");
  CHECK(fit(23).text == "Pick from Up, Ran.");
  const fitted_prompt least = fit(17);
  CHECK(least.text == "Pick from Up.");
  CHECK(least.kept.dropped("seen") == 4);
  CHECK(least.kept.dropped("pool") == 2);
  CHECK(least.kept.sections()[0].name == "pool");
}

TEST_CASE("sections of equal priority are shortened in the order given") {
  const texts a{"aa", "aa"}, b{"bb", "bb"};
  const auto fitted =
      fit_to_budget(token_budget{6, bytes}, {{.name = "a", .size = 2}, {.name = "b", .size = 2}},
                    [&](const kept_items& kept) { return join(kept("a", a), "") + join(kept("b", b), ""); });
  CHECK(fitted.text == "aabbbb");
}

TEST_CASE("a prompt that cannot fit is an error that says by how much") {
  CHECK_THROWS_WITH(
      fit(12),
      "recllm: fit_to_budget: the budget is 12 tokens, and the prompt has 13 with every section at "
      "its shortest (56 with all items); raise the budget, lower at_least or shorten the text "
      "around the sections");
  CHECK_THROWS_WITH(fit_to_budget(token_budget{3, bytes}, {}, [](const kept_items&) { return "four"; }),
                    Contains("has 4 with every section at its shortest"));
  CHECK(fit_to_budget(token_budget{4, bytes}, {}, [](const kept_items&) { return "four"; }).text == "four");
}

TEST_CASE("wrong sections are errors") {
  const auto ask = [](const char* name, std::size_t size) {
    return fit_to_budget(token_budget{0, bytes}, {{.name = "seen", .size = size}, {.name = "pool"}},
                         [&](const kept_items& kept) { return join(kept(name, watched), ""); });
  };
  CHECK_THROWS_WITH(ask("sen", 4), "recllm: kept_items: there is no section 'sen'; there are: seen, pool");
  CHECK_THROWS_WITH(ask("seen", 3),
                    "recllm: kept_items: section 'seen' was given as 3 items, and the list has 4");
  CHECK_THROWS_WITH(fit_to_budget(token_budget{0, bytes}, {{.name = "a"}, {.name = "a"}}, ask_with),
                    "recllm: fit_to_budget: section 'a' is given twice");
}

TEST_CASE("the fewest items are dropped, as trying every number shows, with few prompts counted") {
  const std::uint64_t seed = 404;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<budget_section> sections;
    std::vector<texts> items;
    for (std::size_t s = 0; s < 3; ++s) {
      items.emplace_back();
      for (std::size_t i = rng.below(round % 10 == 0 ? 400 : 12); i > 0; --i)
        items[s].push_back(std::string(1 + rng.below(s == 1 ? 40 : 4), "abc"[s]));
      sections.push_back({.name = std::to_string(s),
                          .size = items[s].size(),
                          .priority = static_cast<int>(rng.below(2)),
                          .at_least = rng.below(4),
                          .drop = rng.below(2) == 0 ? drop_from::front : drop_from::back});
    }
    const auto put = [&](const kept_items& kept) {
      std::string text = "instruction";
      for (std::size_t s = 0; s < 3; ++s) text += join(kept(std::to_string(s), items[s]), "");
      return text;
    };
    kept_items all(sections);
    std::vector<std::size_t> tokens;
    for (std::size_t dropped = 0; dropped <= all.spare(); ++dropped) {
      all.drop(dropped);
      tokens.push_back(merged(put(all)));
    }
    const std::size_t budget = tokens.back() + rng.below(tokens.front() - tokens.back() + 2);
    const fitted_prompt fitted = fit_to_budget(token_budget{budget, merged}, sections, put);
    std::size_t dropped = 0;
    for (const budget_section& s : sections) {
      dropped += fitted.kept.dropped(s.name);
      REQUIRE(s.size - fitted.kept.dropped(s.name) >= std::min(s.size, s.at_least));
    }
    CAPTURE(budget, tokens.size(), dropped);
    REQUIRE(fitted.tokens == tokens[dropped]);
    REQUIRE(fitted.tokens == merged(fitted.text));
    REQUIRE(fitted.tokens <= budget);
    if (dropped > 0) REQUIRE(tokens[dropped - 1] > budget);
    REQUIRE(static_cast<double>(fitted.counts) <= 4 + 2 * std::log2(static_cast<double>(tokens.size())));
  }
}

TEST_CASE("ten thousand items take about a dozen counts") {
  texts long_history(10'000, "A film of some length, ");
  const auto put = [&](const kept_items& kept) { return "Seen: " + join(kept("seen", long_history), ""); };
  const auto fitted =
      fit_to_budget(token_budget{.tokens = 2048, .count = bytes}, {{.name = "seen", .size = 10'000}}, put);
  CHECK(fitted.kept.dropped("seen") == 10'000 - (2048 - 6) / 23);
  CHECK(fitted.counts <= 6);
}
