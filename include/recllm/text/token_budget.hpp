// Shortens the lists of a prompt, the least important first, until it has few enough tokens.
//
//   const auto fitted = fit_to_budget(
//       token_budget{.tokens = 2048, .count = [&](std::string_view text) { return
//       tokenizer.encode(text).size(); }},
//       {{.name = "history", .size = films.size(), .priority = 1, .at_least = 5},
//        {.name = "pool", .size = pool.size(), .priority = 2, .drop = drop_from::back}},
//       [&](const kept_items& kept) { return ask("history"_a = kept("history", films), "pool"_a = ...); });
//
// Whole items go; what the function writes around them, the instruction above all, always stays. Tokens are
// not additive (a byte-pair merge may cross the border of two items), so that prompts are counted whole, but
// only about log2(items) of them: interpolation between one that is too long and one that fits, with
// bisection in every other round.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>

namespace recllm {

/// The end of a list at which items are dropped.
enum class drop_from {
  front,  ///< the oldest of a history in time order
  back,   ///< the last of a list ordered by merit
};

/// A list of a prompt that may be shortened.
struct budget_section {
  std::string name{};
  std::size_t size = 0;  ///< items
  int priority = 0;      ///< the section of the lowest is shortened first; of equal ones, the one given first
  std::size_t at_least = 0;  ///< so many items stay, all of them if there are fewer
  drop_from drop = drop_from::front;
};

/// How many tokens a prompt may have, and what counts them: `count(std::string_view)` gives a whole number.
template <class Count>
struct token_budget {
  std::size_t tokens = 0;
  Count count;
};
template <class Count>
token_budget(std::size_t, Count) -> token_budget<Count>;

/// What is left of each section; given to the function that writes the prompt.
class kept_items {
 public:
  explicit kept_items(std::vector<budget_section> sections)
      : sections_(std::move(sections)), dropped_(sections_.size(), 0) {}

  /// The items of `list` that stay in the section of this name, in their order. Borrows. Throws
  /// std::invalid_argument for an unknown section and for a list of another size than the section was given.
  template <std::ranges::random_access_range List>
  requires std::ranges::borrowed_range<List>
  [[nodiscard]] auto operator()(std::string_view section, List&& list) const {
    const std::size_t i = place(section);
    const auto size = static_cast<std::size_t>(std::ranges::distance(list));
    require(size == sections_[i].size, "recllm: kept_items: section '", section, "' was given as ",
            sections_[i].size, " items, and the list has ", size);
    const std::size_t front = sections_[i].drop == drop_from::front ? dropped_[i] : 0;
    using step = std::ranges::range_difference_t<List>;
    const auto first = std::ranges::begin(list) + static_cast<step>(front);
    return std::ranges::subrange(first, first + static_cast<step>(size - dropped_[i]));
  }

  /// How many items of the section have been dropped. Throws std::invalid_argument for an unknown one.
  [[nodiscard]] std::size_t dropped(std::string_view section) const { return dropped_[place(section)]; }

  /// The sections, as they were given.
  [[nodiscard]] const std::vector<budget_section>& sections() const { return sections_; }

  /// How many items can be dropped in all.
  [[nodiscard]] std::size_t spare() const {
    std::size_t all = 0;
    for (const budget_section& s : sections_) all += s.size - std::min(s.size, s.at_least);
    return all;
  }

  /// Drops `count` <= spare() items in all, from the sections in the order of their priorities.
  void drop(std::size_t count) {
    std::vector<std::size_t> order(sections_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return sections_[a].priority < sections_[b].priority;
    });
    for (const std::size_t i : order) {
      const budget_section& s = sections_[i];
      dropped_[i] = std::min(count, s.size - std::min(s.size, s.at_least));
      count -= dropped_[i];
    }
  }

 private:
  [[nodiscard]] std::size_t place(std::string_view section) const {
    std::string known;
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      if (sections_[i].name == section) return i;
      known += (i > 0 ? ", " : "") + sections_[i].name;
    }
    require(false, "recllm: kept_items: there is no section '", section, "'; there are: ", known);
    return 0;
  }

  std::vector<budget_section> sections_;
  std::vector<std::size_t> dropped_;
};

/// A prompt that fits, and what it cost.
struct fitted_prompt {
  std::string text;
  std::size_t tokens = 0;  ///< of the whole text, counted
  kept_items kept;         ///< kept.dropped("history"): what had to go
  std::size_t counts = 0;  ///< how many prompts were written and counted
};

/// The longest prompt of the budget: `write(kept)` gives the text for what is left of the sections, and is
/// asked for about log2(items) of them. The text fits, and with one item more it would not: both were
/// counted. Throws std::invalid_argument if even the shortest does not fit, and if a section's name is given
/// twice.
template <class Count, std::invocable<const kept_items&> Write>
[[nodiscard]] fitted_prompt fit_to_budget(const token_budget<Count>& budget,
                                          std::vector<budget_section> sections, Write write) {
  for (std::size_t i = 0; i < sections.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      require(sections[i].name != sections[j].name, "recllm: fit_to_budget: section '", sections[i].name,
              "' is given twice");
  kept_items kept(std::move(sections));
  std::size_t counts = 0;
  const auto attempt = [&](std::size_t dropped) {
    kept.drop(dropped);
    fitted_prompt prompt{write(std::as_const(kept)), 0, kept, ++counts};
    prompt.tokens = static_cast<std::size_t>(budget.count(std::string_view(prompt.text)));
    return prompt;
  };
  fitted_prompt best = attempt(0);
  if (best.tokens <= budget.tokens) return best;
  std::size_t over = 0, over_tokens = best.tokens, fits = kept.spare();
  if (fits > 0) best = attempt(fits);
  require(best.tokens <= budget.tokens, "recllm: fit_to_budget: the budget is ", budget.tokens,
          " tokens, and the prompt has ", best.tokens, " with every section at its shortest (", over_tokens,
          " with all items); raise the budget, lower at_least or shorten the text around the sections");
  for (bool bisect = false; fits - over > 1; bisect = !bisect) {
    const double excess = static_cast<double>(over_tokens - budget.tokens);
    const double share = bisect ? 0.5 : excess / static_cast<double>(over_tokens - best.tokens);
    const auto step = static_cast<std::size_t>(share * static_cast<double>(fits - over) + 0.5);
    const std::size_t middle = over + std::clamp<std::size_t>(step, 1, fits - over - 1);
    fitted_prompt tried = attempt(middle);
    if (tried.tokens <= budget.tokens) {
      fits = middle;
      best = std::move(tried);
    } else {
      over = middle;
      over_tokens = tried.tokens;
    }
  }
  best.counts = counts;
  return best;
}

}  // namespace recllm
