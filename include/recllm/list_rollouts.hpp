// Lists of a prompt's candidates, written pick by pick: what list_policy.hpp and torch/list_network.hpp
// share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <limits>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/random.hpp>
#include <recllm/core/types.hpp>
#include <recllm/tabular.hpp>

namespace recllm {

/// Satisfied by a prompt whose `.candidates`, items in a vector or span, are what its list may hold.
template <class Prompt>
concept NamesCandidates = requires(const Prompt& prompt) {
  {std::span(prompt.candidates)};
};

/// The type of a prompt's candidates, and so of a list's items.
template <NamesCandidates Prompt>
using candidate_of = std::ranges::range_value_t<decltype(Prompt::candidates)>;

/// `features(prompt, placed, phi)` keeps phi, n x k, the features of the prompt's n candidates in their
/// order. `placed`: the candidates' places in the prompt of the items in the list so far. It is called for
/// the empty list with phi all 0, and after each pick, but for the last, with phi as it left it: what only
/// the last pick changes (a sum, the largest likeness) need not be computed anew. The same arguments, the
/// same features.
template <NamesCandidates Prompt>
using list_features =
    std::function<void(const Prompt& prompt, std::span<const std::size_t> placed, token_matrix<double>& phi)>;

/// Lists that remember which prompts they answer, and where their items stand in them.
template <NamesCandidates Prompt>
struct list_rollouts : rollouts<std::vector<candidate_of<Prompt>>> {
  std::vector<Prompt> asked;                    ///< P: the prompts
  std::vector<std::vector<std::size_t>> picks;  ///< B: the places of each list's items in the candidates
};

namespace detail {

/// No scores but those of the features. What has some answers `scores(p)` with n numbers, of prompt p of
/// those asked.
struct no_scores {
  [[nodiscard]] std::span<const double> operator()(std::size_t) const { return {}; }
};

/// Writes lists by score_j = w . phi_j + the score apart, if there is one, of each candidate j.
template <NamesCandidates Prompt>
class list_writing {
 public:
  using list = std::vector<candidate_of<Prompt>>;
  using numbers = row_values<double>;
  using distribution = softmax<numbers>;

  /// `who` is named in errors. Throws std::invalid_argument without features or weights, and for length 0.
  list_writing(const char* who, list_features<Prompt> features, Eigen::Index weights, std::size_t length)
      : who_(who), features_(std::move(features)), weights_(weights), length_(length) {
    require(features_ != nullptr && weights > 0 && length > 0, "recllm: ", who,
            ": expected a function of features, a weight for each of them and a length > 0, got ",
            features_ ? "features" : "no function", ", ", weights, " weights and length ", length);
  }

  /// n x k: the features where the list is empty.
  [[nodiscard]] token_matrix<double> features_at_start(const Prompt& prompt) const {
    const auto n = static_cast<Eigen::Index>(std::span(prompt.candidates).size());
    token_matrix<double> phi = token_matrix<double>::Zero(n, weights_);
    require(n > 0, "recllm: ", who_, ": a prompt has no candidates");
    features_(prompt, {}, phi);
    check(phi, n);
    return phi;
  }

  /// Lists of which `writer(row)` makes every pick: group_size of each prompt.
  template <class Scores, class Writer>
  [[nodiscard]] list_rollouts<Prompt> write(std::span<const Prompt> prompts, std::size_t group_size,
                                            const token_matrix<double>& weights, const Scores& scores,
                                            Writer&& writer) const {
    list_rollouts<Prompt> r = empty(prompts, group_size);
    for (std::size_t p = 0, row = 0; p < prompts.size(); ++p) {
      const token_matrix<double> start = features_at_start(prompts[p]);
      const std::size_t length = std::min(length_, std::span(prompts[p].candidates).size());
      for (std::size_t i = 0; i < group_size; ++i, ++row) {
        auto pick = writer(row);
        Eigen::Index place = 0;
        r.picks[row] =
            fill(prompts[p], start, length, weights, scores(p), [&](const distribution& of, const auto&) {
              const Eigen::Index picked = pick(of);
              r.log_probs(static_cast<Eigen::Index>(row), place++) = static_cast<float>(of.log_probs(picked));
              return static_cast<std::size_t>(picked);
            });
      }
    }
    name_items(r);
    return r;
  }

  /// Samples: row r draws from rng.split(r) alone.
  template <class Scores>
  [[nodiscard]] list_rollouts<Prompt> sample(std::span<const Prompt> prompts, std::size_t group_size,
                                             const token_matrix<double>& weights, const Scores& scores,
                                             random_stream rng) const {
    return write(prompts, group_size, weights, scores, [&](std::size_t row) {
      return [own = rng.split(row)](const distribution& of) mutable { return of.draw(own.uniform()); };
    });
  }

  /// The candidate of the highest score at each place, of equal ones the first.
  template <class Scores>
  [[nodiscard]] list_rollouts<Prompt> greedy(std::span<const Prompt> prompts,
                                             const token_matrix<double>& weights,
                                             const Scores& scores) const {
    return write(prompts, 1, weights, scores, [](std::size_t) {
      return [](const distribution& of) {
        Eigen::Index best = 0;
        of.log_probs.maxCoeff(&best);
        return best;
      };
    });
  }

  /// The rollouts of given lists; completions[i] answers prompts[i]. Throws std::invalid_argument for an item
  /// that is no candidate or stands twice, for too long a list, and for sizes that differ.
  [[nodiscard]] list_rollouts<Prompt> given(std::span<const Prompt> prompts,
                                            const std::vector<list>& completions) const {
    require(prompts.size() == completions.size(), "recllm: ", who_,
            ": given: expected a completion for each of ", prompts.size(), " prompts, got ",
            completions.size());
    list_rollouts<Prompt> r = empty(prompts, 1);
    for (std::size_t row = 0; row < completions.size(); ++row) {
      require(completions[row].size() <= length_, "recllm: ", who_, ": completion ", row, " has ",
              completions[row].size(), " items; there are ", length_, " places");
      std::vector<std::size_t>& picks = r.picks[row];
      for (const auto& item : completions[row]) {
        const auto& candidates = prompts[row].candidates;
        const auto found = std::ranges::find(candidates, item);
        require(found != std::end(candidates), "recllm: ", who_, ": item ", picks.size(), " of completion ",
                row, " is none of its prompt's candidates");
        picks.push_back(static_cast<std::size_t>(found - std::begin(candidates)));
        require(std::ranges::count(picks, picks.back()) == 1, "recllm: ", who_, ": item ", picks.size() - 1,
                " of completion ", row, " stands there twice; its lists are of distinct items");
      }
    }
    name_items(r);
    return r;
  }

  /// Writes some rows' lists again: `visit(row of the block, place, pick, distribution, phi)` at each place.
  template <class Scores, class Visit>
  void replay(const list_rollouts<Prompt>& r, row_block rows, const token_matrix<double>& weights,
              const Scores& scores, Visit&& visit) const {
    token_matrix<double> start;
    for (Eigen::Index row = 0; row < rows.count; ++row) {
      const auto from = static_cast<std::size_t>(rows.first + row);
      const std::size_t asked = r.prompt[from];
      if (row == 0 || asked != r.prompt[from - 1]) start = features_at_start(r.asked[asked]);
      Eigen::Index place = 0;
      fill(r.asked[asked], start, r.picks[from].size(), weights, scores(asked),
           [&](const distribution& of, const auto& phi) {
             const std::size_t pick = r.picks[from][static_cast<std::size_t>(place)];
             visit(row, place++, static_cast<Eigen::Index>(pick), of, phi);
             return pick;
           });
    }
  }

  /// count x T log-probs, nats, 0 where the mask is 0.
  template <class Scores>
  [[nodiscard]] token_matrix<float> log_probs(const list_rollouts<Prompt>& r, row_block rows,
                                              const token_matrix<double>& weights,
                                              const Scores& scores) const {
    token_matrix<float> all = zeros(rows.count);
    replay(r, rows, weights, scores,
           [&](Eigen::Index row, Eigen::Index place, Eigen::Index pick, const distribution& of, const auto&) {
             all(row, place) = static_cast<float>(of.log_probs(pick));
           });
    return all;
  }

  /// count x T zeros, T the length.
  [[nodiscard]] token_matrix<float> zeros(Eigen::Index count) const {
    return token_matrix<float>::Zero(count, static_cast<Eigen::Index>(length_));
  }

 private:
  void check(const token_matrix<double>& phi, Eigen::Index n) const {
    require(phi.rows() == n && phi.cols() == weights_, "recllm: ", who_, ": features left ", phi.rows(),
            " x ", phi.cols(), " numbers; expected a row for each of ", n,
            " candidates and a column for each of ", weights_, " weights");
  }

  /// Writes a list of `length` picks: `choose(distribution, phi)` makes one; those placed have no share.
  template <class Choose>
  std::vector<std::size_t> fill(const Prompt& prompt, token_matrix<double> phi, std::size_t length,
                                const token_matrix<double>& weights, std::span<const double> apart,
                                Choose&& choose) const {
    const Eigen::Index n = phi.rows();
    std::vector<std::size_t> placed;
    while (placed.size() < length) {
      if (!placed.empty()) features_(prompt, placed, phi);
      check(phi, n);
      numbers scores = (phi.matrix() * weights.matrix().transpose()).array();
      if (!apart.empty()) scores += Eigen::Map<const numbers>(apart.data(), n);
      require(scores.isFinite().all(), "recllm: ", who_, ": a score at place ", placed.size(),
              " is not finite; are the features?");
      for (const std::size_t i : placed)
        scores(static_cast<Eigen::Index>(i)) = -std::numeric_limits<double>::infinity();
      placed.push_back(choose(distribution(scores), std::as_const(phi)));
    }
    return placed;
  }

  /// group_size rows a prompt, without items yet.
  [[nodiscard]] list_rollouts<Prompt> empty(std::span<const Prompt> prompts, std::size_t group_size) const {
    list_rollouts<Prompt> r;
    r.mask = zeros(static_cast<Eigen::Index>(prompts.size() * group_size));
    r.log_probs = r.mask;
    r.asked.assign(prompts.begin(), prompts.end());
    r.picks.resize(prompts.size() * group_size);
    for (std::size_t row = 0; row < r.picks.size(); ++row) r.prompt.push_back(row / group_size);
    return r;
  }

  /// The picks as completions and mask.
  void name_items(list_rollouts<Prompt>& r) const {
    for (std::size_t row = 0; row < r.picks.size(); ++row) {
      list& items = r.completions.emplace_back();
      for (const std::size_t i : r.picks[row]) items.push_back(r.asked[r.prompt[row]].candidates[i]);
      r.mask.row(static_cast<Eigen::Index>(row)).head(static_cast<Eigen::Index>(items.size())) = 1.0f;
    }
  }

  const char* who_;
  list_features<Prompt> features_;
  Eigen::Index weights_;
  std::size_t length_;
};

}  // namespace detail

}  // namespace recllm
