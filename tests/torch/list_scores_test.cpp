// Lists drawn without replacement from rows of logits: probabilities by hand, slopes by autograd, samples by
// their frequencies.
#include <recllm/torch/list_scores.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

at::Tensor random_logits(std::int64_t states, std::int64_t items, double spread, random_stream rng) {
  at::Tensor z = at::empty({states, items}, at::kFloat);
  std::generate_n(z.data_ptr<float>(), z.numel(), [&] { return static_cast<float>(spread * rng.normal()); });
  return z;
}

/// sum over the lists of slope * log-prob, by masking what is placed.
at::Tensor by_masking(const at::Tensor& logits, std::span<const state_list> lists,
                      std::span<const std::vector<double>> slopes) {
  at::Tensor sum = at::zeros({}, at::kDouble);
  for (std::size_t i = 0; i < lists.size(); ++i) {
    at::Tensor barred = at::zeros({logits.size(1)}, at::kBool);
    for (std::size_t t = 0; t < lists[i].items.size(); ++t) {
      const at::Tensor row = at::log_softmax(logits[lists[i].state].masked_fill(barred, -1e30), 0);
      sum = sum + slopes[i][t] * row[lists[i].items[t]];
      barred = barred.clone();
      barred[lists[i].items[t]] = true;
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("list_scores: log-probs and slopes are those of a softmax over what is left") {
  const auto seed = GENERATE(1, 2, 3);
  const double spread = GENERATE(1.0, 12.0);  // the second leaves almost nothing after a place or two
  INFO("seed " << seed << ", spread " << spread);
  random_stream rng(static_cast<std::uint64_t>(seed));
  const at::Tensor logits = random_logits(3, 20, spread, rng.split(0));
  std::vector<state_list> lists;
  std::vector<std::vector<double>> slopes;
  const list_scores scores(logits.clone());
  for (std::int64_t i = 0; i < 7; ++i) {
    lists.push_back({i % 3, scores.sample(i % 3, 6, rng.split(1).split(static_cast<std::uint64_t>(i)))});
    slopes.emplace_back();
    for (int t = 0; t < 6; ++t) slopes.back().push_back(rng.normal());
  }
  const at::Tensor exact = logits.to(at::kDouble).requires_grad_();
  const at::Tensor sum = by_masking(exact, lists, slopes);
  double ours = 0.0;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const std::vector<double> log_probs = scores.log_probs(lists[i]);
    for (std::size_t t = 0; t < 6; ++t) ours += slopes[i][t] * log_probs[t];
  }
  CHECK(ours == Approx(sum.item<double>()).epsilon(1e-3).margin(1e-3));

  torch::autograd::backward({sum}, {});
  list_scores again(logits.clone());
  const at::Tensor slope = again.pull_back(lists, slopes);
  CHECK((slope - exact.grad()).abs().max().item<double>() < 2e-3);
  if (spread == 1.0) CHECK((slope - exact.grad()).abs().max().item<double>() < 1e-5);
}

TEST_CASE("list_scores: samples have their probabilities, rejected draws or not") {
  // The first item has nearly all mass in the second row, so that draws of it again are many.
  const at::Tensor logits = torch::tensor({0.0f, 1.0f, -1.0f, 0.5f, 9.0f, 1.0f, -1.0f, 0.5f}).view({2, 4});
  const list_scores scores(logits.clone());
  constexpr int draws = 40'000;
  for (const std::int64_t state : {0, 1}) {
    std::map<std::vector<std::int64_t>, int> counts;
    for (int i = 0; i < draws; ++i)
      ++counts[scores.sample(state, 3, random_stream(5).split(static_cast<std::uint64_t>(i)))];
    double total = 0.0;
    for (const auto& [list, count] : counts) {
      double log_prob = 0.0;
      for (const double one : scores.log_probs({state, list})) log_prob += one;
      const double p = std::exp(log_prob);
      total += p;
      CHECK(std::abs(count - draws * p) < 5.0 * std::sqrt(draws * p) + 1.0);
    }
    CHECK(total <= 1.0 + 1e-6);
    if (state == 0) CHECK(total == Approx(1.0).margin(1e-6));  // all 24 lists came
  }
}

TEST_CASE("list_scores: a list is of distinct items, all of them where they are few, and best is by score") {
  const list_scores scores(random_logits(1, 6, 30.0, random_stream(3)));
  const std::vector<std::int64_t> all = scores.sample(0, 9, random_stream(1));
  CHECK(std::set<std::int64_t>(all.begin(), all.end()).size() == 6);
  CHECK(scores.sample(0, 9, random_stream(1)) == all);
  const at::Tensor order = std::get<1>(scores.probabilities().sort(/*stable=*/true, 1, /*descending=*/true));
  const std::vector<std::int64_t> best = scores.best(0, 3);
  for (std::int64_t place = 0; place < 3; ++place)
    CHECK(best[static_cast<std::size_t>(place)] == order[0][place].item<std::int64_t>());
}
