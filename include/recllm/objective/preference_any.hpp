// One type for every member of the DPO family, that knows what the member reads.
#pragma once

#include <concepts>
#include <functional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/objective/preference_pair.hpp>

namespace recllm {

/// Any member of the family, as dpo::loss holds it. Implicitly made from whatever can be called as
///
///     loss(const pair_log_probs&, const pair_options&)             -> pair_loss               one pair
///     loss(const policy_log_probs&, const pair_options&)           -> pair_loss               needs no
///     reference loss(std::span<const pair_log_probs>, const pair_options&)   -> std::vector<pair_loss>  all
///     of a step
///
/// A function of a whole step may compare the pairs with each other; element i has the slopes of pair i.
class any_pair_loss {
 public:
  template <class Loss>
  requires(!std::same_as<Loss, any_pair_loss>)
      any_pair_loss(Loss loss) {  // NOLINT(google-explicit-constructor): dpo{.loss = ipo_loss}
    // One question at a time, so that a generic lambda is not instantiated for what it was not written for.
    if constexpr (std::is_invocable_r_v<pair_loss, const Loss&, const pair_log_probs&, const pair_options&>) {
      call_ = each(std::move(loss), [](const pair_log_probs& p) -> const pair_log_probs& { return p; });
    } else if constexpr (std::is_invocable_r_v<pair_loss, const Loss&, const policy_log_probs&,
                                               const pair_options&>) {
      needs_reference_ = false;
      call_ = each(std::move(loss), [](const pair_log_probs& p) {
        return policy_log_probs{p.chosen, p.rejected, p.chosen_length, p.rejected_length};
      });
    } else {
      constexpr bool step = std::is_invocable_r_v<std::vector<pair_loss>, const Loss&,
                                                  std::span<const pair_log_probs>, const pair_options&>;
      static_assert(step,
                    "recllm: a pair loss is called as  loss(pair_log_probs, pair_options)  or  "
                    "loss(policy_log_probs, pair_options)  and returns recllm::pair_loss, or as  "
                    "loss(std::span<const pair_log_probs>, pair_options)  and returns a std::vector of them");
      needs_whole_step_ = true;
      if constexpr (step) call_ = std::move(loss);
    }
  }

  /// One loss a pair.
  [[nodiscard]] std::vector<pair_loss> operator()(std::span<const pair_log_probs> pairs,
                                                  const pair_options& how) const {
    std::vector<pair_loss> losses = call_(pairs, how);
    require(losses.size() == pairs.size(), "recllm: pair loss: got ", losses.size(), " losses of ",
            pairs.size(), " pairs; return one a pair");
    return losses;
  }

  /// Whether it reads ref_chosen and ref_rejected.
  [[nodiscard]] bool needs_reference() const { return needs_reference_; }
  /// Whether it compares the pairs of a step with each other, so that a part of them will not do.
  [[nodiscard]] bool needs_whole_step() const { return needs_whole_step_; }

 private:
  /// `loss` of `seen(pair)` for each pair.
  template <class Loss, class Seen>
  [[nodiscard]] static auto each(Loss loss, Seen seen) {
    return [loss = std::move(loss), seen](std::span<const pair_log_probs> pairs, const pair_options& how) {
      std::vector<pair_loss> losses;
      losses.reserve(pairs.size());
      for (const pair_log_probs& p : pairs) losses.push_back(loss(seen(p), how));
      return losses;
    };
  }

  std::function<std::vector<pair_loss>(std::span<const pair_log_probs>, const pair_options&)> call_;
  bool needs_reference_ = true;
  bool needs_whole_step_ = false;
};

}  // namespace recllm
