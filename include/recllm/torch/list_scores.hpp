// Lists drawn without replacement from softmax(logits): the Plackett-Luce model over rows of a tensor, S
// states x N items, as in plackett_luce.hpp.
//
//   log pi(item at place t) = z_item - log sum over items not placed before t of exp z
//   dL/dz_j = sum_t g_t ([j = item_t] - [j not placed before t] p_j / r_t),
//   p = softmax(z), r_t = 1 - sum over items placed before t of p, g = dL/dlogp
//
// Lists of one state share its row, so a group of them costs one row of N.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/measure/top_k.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// One list of a state, its items best first.
struct state_list {
  std::int64_t state = 0;
  std::vector<std::int64_t> items;  ///< distinct
};

/// The distributions of S states. Moved, not copied.
class list_scores {
 public:
  /// Takes the logits, S x N floats on the CPU, contiguous, and overwrites them. An item 80 nats below the
  /// likeliest has probability 0, and log-prob -infinity.
  explicit list_scores(at::Tensor logits) : probabilities_(std::move(logits)) {
    const at::NoGradGuard no_grad;
    at::softmax_out(probabilities_, probabilities_, 1);
  }

  /// S x N: the probability of each item as the first of a list.
  [[nodiscard]] const at::Tensor& probabilities() const { return probabilities_; }

  /// The log-prob of each item at its place, nats.
  [[nodiscard]] std::vector<double> log_probs(const state_list& list) const {
    const std::span<const float> p = row(list.state);
    std::vector<double> all;
    for (std::size_t t = 0; t < list.items.size(); ++t)
      all.push_back(std::log(static_cast<double>(p[static_cast<std::size_t>(list.items[t])])) -
                    std::log(left(p, std::span(list.items).first(t))));
    return all;
  }

  /// A list of `length` items, or of all where there are fewer.
  [[nodiscard]] std::vector<std::int64_t> sample(std::int64_t state, std::size_t length,
                                                 random_stream rng) const {
    const std::span<const float> p = row(state);
    std::vector<double> sums(p.size());
    double total = 0.0;
    for (std::size_t j = 0; j < p.size(); ++j) sums[j] = total += static_cast<double>(p[j]);
    std::vector<std::int64_t> list;
    const auto placed = [&](std::size_t j) {
      return std::ranges::find(list, static_cast<std::int64_t>(j)) != list.end();
    };
    while (list.size() < std::min(length, p.size())) {
      // An item that is placed already is drawn again; after some tries its mass is left out instead.
      std::size_t drawn = p.size();
      for (int tries = 0; tries < 32 && drawn == p.size(); ++tries) {
        const auto found = std::min<std::size_t>(
            static_cast<std::size_t>(std::ranges::upper_bound(sums, rng.uniform() * total) - sums.begin()),
            p.size() - 1);
        if (!placed(found)) drawn = found;
      }
      if (drawn == p.size()) {
        double target = rng.uniform() * left(p, list);
        for (std::size_t j = 0; j < p.size(); ++j) {
          if (placed(j)) continue;
          drawn = j;
          if ((target -= static_cast<double>(p[j])) < 0.0) break;
        }
      }
      list.push_back(static_cast<std::int64_t>(drawn));
    }
    return list;
  }

  /// The likeliest list of `length` items, or of all where there are fewer; equal scores: the smaller first.
  [[nodiscard]] std::vector<std::int64_t> best(std::int64_t state, std::size_t length) const {
    const std::vector<std::size_t> items = measure::top_k(row(state), length);
    return {items.begin(), items.end()};
  }

  /// dL/dlogits, S x N, for dL/dlogp of every item of the lists. Takes the probabilities' memory: the last
  /// call.
  [[nodiscard]] at::Tensor pull_back(std::span<const state_list> lists,
                                     std::span<const std::vector<double>> dloss_dlogp) {
    const at::NoGradGuard no_grad;
    struct placed_item {
      std::size_t state, item;
      double slope;  // but for the sum of g / r over all its state's lists, which every item has
    };
    std::vector<placed_item> placed;
    std::vector<double> sums(static_cast<std::size_t>(probabilities_.size(0)), 0.0);
    for (std::size_t i = 0; i < lists.size(); ++i) {
      const state_list& list = lists[i];
      const std::span<const float> p = row(list.state);
      const auto state = static_cast<std::size_t>(list.state);
      std::vector<double> ratios(list.items.size());
      for (std::size_t t = 0; t < ratios.size(); ++t) {
        ratios[t] = dloss_dlogp[i][t] / left(p, std::span(list.items).first(t));
        sums[state] += ratios[t];
      }
      double later = 0.0;
      for (std::size_t t = ratios.size(); t-- > 0; later += ratios[t]) {
        const auto item = static_cast<std::size_t>(list.items[t]);
        placed.push_back({state, item, dloss_dlogp[i][t] + static_cast<double>(p[item]) * later});
      }
    }
    // What is placed early may have terms that nearly cancel: they are summed in double, and set at the end.
    std::ranges::stable_sort(placed, {}, [](const placed_item& of) { return std::pair(of.state, of.item); });
    std::vector<placed_item> whole;
    for (const placed_item& one : placed) {
      if (whole.empty() || whole.back().state != one.state || whole.back().item != one.item) {
        const double p = static_cast<double>(row(static_cast<std::int64_t>(one.state))[one.item]);
        whole.push_back({one.state, one.item, -p * sums[one.state]});
      }
      whole.back().slope += one.slope;
    }
    const std::vector<float> shares(sums.begin(), sums.end());
    at::Tensor slopes = probabilities_.mul_(torch::tensor(shares, at::kFloat).neg_().unsqueeze(1));
    const auto width = static_cast<std::size_t>(slopes.size(1));
    for (const placed_item& one : whole)
      slopes.data_ptr<float>()[one.state * width + one.item] = static_cast<float>(one.slope);
    return slopes;
  }

 private:
  [[nodiscard]] std::span<const float> row(std::int64_t state) const {
    const auto width = static_cast<std::size_t>(probabilities_.size(1));
    return {probabilities_.data_ptr<float>() + static_cast<std::size_t>(state) * width, width};
  }

  /// 1 - the mass that is placed; summed anew where little is left, or it would be rounding alone.
  [[nodiscard]] static double left(std::span<const float> p, std::span<const std::int64_t> placed) {
    double mass = 1.0;
    for (const std::int64_t item : placed) mass -= static_cast<double>(p[static_cast<std::size_t>(item)]);
    if (mass > 1e-3) return mass;
    mass = 0.0;
    for (std::size_t j = 0; j < p.size(); ++j)
      if (std::ranges::find(placed, static_cast<std::int64_t>(j)) == placed.end())
        mass += static_cast<double>(p[j]);
    return mass;
  }

  at::Tensor probabilities_;
};

}  // namespace recllm::torch_bridge
