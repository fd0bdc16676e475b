// A recorder's sink that remembers, for tests.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/reward/reward.hpp>

struct journal {
  std::vector<std::pair<std::string, double>> entries;
  void operator()(std::string_view name, double raw_value) { entries.emplace_back(name, raw_value); }
};

using entries = std::vector<std::pair<std::string, double>>;

/// What `goal` reports for (prompt, completion).
template <class Goal, class P, class C>
entries reported(const Goal& goal, const P& prompt, const C& completion) {
  journal book;
  recllm::reward::evaluate(goal, prompt, completion, book);
  return book.entries;
}
