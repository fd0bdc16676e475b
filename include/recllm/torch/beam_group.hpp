// The beams of one prompt: what a search keeps, what it gives up and when it stops. See
// torch/beam_search.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/torch/packed.hpp>

namespace recllm::torch_bridge {

/// When a group with as many ended completions as it has beams stops before max_new_tokens: transformers'
/// early_stopping False, True and "never".
enum class stop_early {
  no,    ///< when the best beam that goes on, if it ended here, would be no better than the worst of them
  yes,   ///< at once
  never  ///< as no, but for length_penalty > 0 if it ended at max_new_tokens: when none can be beaten
};

/// How completions are searched.
struct beam_options {
  std::size_t num_beams = 4;         ///< over all groups
  std::size_t num_beam_groups = 1;   ///< divides num_beams
  double diversity_penalty = 0.0;    ///< nats, 0 or more; for two groups or more
  double length_penalty = 1.0;       ///< > 0 favours long completions, 0 = likeliest, < 0 favours short ones
  std::int64_t max_new_tokens = 64;  ///< a beam that reaches it without an end token is cut there
  std::vector<std::int64_t> end_tokens{};  ///< a completion ends with the first of these, and holds it
  stop_early early_stopping = stop_early::no;
  /// Where tokens are constrained: log-probs among the allowed tokens, as the policy's. false: among all
  /// tokens, as transformers' prefix_allowed_tokens_fn.
  bool renormalised = true;
};

/// One completion that was found.
struct beam_completion {
  token_ids tokens;
  std::vector<float> log_probs;  ///< nats, without penalties
  double score = 0.0;            ///< best first; the equation is in torch/beam_search.hpp
  bool ended = false;            ///< by an end token; else it was cut
};

namespace detail {

/// A completion in the making.
struct beam {
  token_ids tokens{};
  std::vector<float> log_probs{};
  double sum = 0.0;      // of its log-probs, less penalties
  std::int64_t row = 0;  // of the decoder: where it, or what it continues, was computed
};

/// A beam and what it may say next.
struct beam_candidate {
  double sum;
  float log_prob;
  std::size_t beam;
  std::int64_t token;
};

/// The search of one group for one prompt.
class beam_group {
 public:
  beam_group(const beam_options& options, std::int64_t row)
      : options_(&options), width_(options.num_beams / options.num_beam_groups), going_{beam{.row = row}} {}

  /// Best first.
  [[nodiscard]] std::vector<beam>& going() { return going_; }
  [[nodiscard]] const std::vector<beam_completion>& done() const { return done_; }

  /// Goes on with the best candidates. One that ends is kept if it is among the `width_` best, and leaves its
  /// place to the next.
  template <class Ended>
  void advance(std::vector<beam_candidate> candidates, const Ended& ended) {
    std::ranges::stable_sort(candidates, std::ranges::greater{}, &beam_candidate::sum);
    std::vector<beam> next;
    for (std::size_t rank = 0; rank < candidates.size() && (rank < width_ || next.size() < width_); ++rank) {
      const beam_candidate& chosen = candidates[rank];
      beam longer = going_[chosen.beam];
      longer.tokens.push_back(chosen.token);
      longer.log_probs.push_back(chosen.log_prob);
      longer.sum = chosen.sum;
      if (!ended(longer.tokens)) {
        if (next.size() < width_) next.push_back(std::move(longer));
      } else if (rank < width_) {
        keep(std::move(longer), true);
      }
    }
    going_ = std::move(next);
  }

  /// Gives up the beams that go on where options.early_stopping says so.
  void stop() {
    if (going_.empty() || done_.size() < width_) return;
    const bool longest = options_->early_stopping == stop_early::never && options_->length_penalty > 0.0;
    const std::size_t length =
        longest ? static_cast<std::size_t>(options_->max_new_tokens) : going_[0].tokens.size();
    if (options_->early_stopping == stop_early::yes || score(going_[0].sum, length) <= done_.back().score)
      going_.clear();
  }

  /// The beams that go on are completions as they are.
  void cut() {
    for (beam& said : going_) keep(std::move(said), false);
    going_.clear();
  }

 private:
  [[nodiscard]] double score(double sum, std::size_t length) const {
    return sum / std::pow(static_cast<double>(length), options_->length_penalty);
  }

  void keep(beam said, bool ended) {
    const double reached = score(said.sum, said.tokens.size());
    const auto place =
        std::ranges::upper_bound(done_, reached, std::ranges::greater{}, &beam_completion::score);
    done_.insert(place, {std::move(said.tokens), std::move(said.log_probs), reached, ended});
    if (done_.size() > width_) done_.pop_back();
  }

  const beam_options* options_;
  std::size_t width_;
  std::vector<beam> going_;
  std::vector<beam_completion> done_{};  // best first
};

inline void check(const beam_options& options) {
  require(options.num_beam_groups > 0 && options.num_beams > 0 &&
              options.num_beams % options.num_beam_groups == 0,
          "recllm: beam_search: num_beams = ", options.num_beams,
          ", num_beam_groups = ", options.num_beam_groups,
          ", expected as many beams in each group, one or more");
  require(options.max_new_tokens > 0, "recllm: beam_search: max_new_tokens = ", options.max_new_tokens,
          ", expected a positive number");
  require(
      options.diversity_penalty >= 0.0 && (options.diversity_penalty == 0.0 || options.num_beam_groups > 1),
      "recllm: beam_search: diversity_penalty = ", options.diversity_penalty,
      ", expected 0, or more with num_beam_groups of 2 or more");
  require(std::isfinite(options.length_penalty),
          "recllm: beam_search: length_penalty = ", options.length_penalty, ", expected a finite number");
}

}  // namespace detail

}  // namespace recllm::torch_bridge
