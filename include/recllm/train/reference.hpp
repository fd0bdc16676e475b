// What trainers do with a reference policy besides scoring: ask for it, move its coefficient, refresh it.
//
// Refreshing: Gorbatovski et al., TR-DPO, arXiv 2404.09656, section 3: soft and hard update.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/objective/kl_control.hpp>

namespace recllm {

/// When the reference follows the policy: after every `every` steps
/// reference = share * policy + (1 - share) * reference. A resumed run needs the reference as it was.
struct reference_refresh {
  std::ptrdiff_t every = 0;  ///< steps; 0 = the reference stays as it is
  double share = 1.0;        ///< in (0, 1]; 1 = a copy (TRL's ref_model_mixup_alpha: 0.6)
};

namespace detail {

/// Throws std::invalid_argument where the objective compares with a reference and there is none.
template <class O>
void check_reference(const O& objective, bool given, std::string_view who) {
  require(given || !objective.needs_reference(), "recllm: ", who,
          ": the objective compares with a reference policy, but none was given; pass the address of a "
          "frozen copy as the last argument, or set kl_coef to 0 where the objective has one");
}

/// Throws std::invalid_argument for settings out of range, and where the reference cannot follow.
template <class Reference, class P>
void check_refresh(const reference_refresh& how, const Reference* reference, std::string_view who) {
  require(how.every >= 0 && how.share > 0.0 && how.share <= 1.0, "recllm: ", who,
          ": refresh: expected every >= 0 and share in (0, 1], got ", how.every, " and ", how.share);
  if (how.every == 0) return;
  require(reference != nullptr, "recllm: ", who, ": refresh is set, but there is no reference to follow");
  require(Blendable<Reference, P>, "recllm: ", who,
          ": refresh is set, so the reference must not be const and needs  blend(policy, double share)");
}

/// After step `step`: refreshes the reference where it is time.
template <class Reference, class P>
void refresh_reference(const reference_refresh& how, std::ptrdiff_t step, Reference* reference,
                       const P& policy) {
  if constexpr (Blendable<Reference, P>)
    if (how.every > 0 && (step + 1) % how.every == 0) reference->blend(policy, how.share);
}

/// Sets the objective's kl_coef. Throws std::invalid_argument where it has none.
template <class O>
void set_kl_coef(O& objective, double coef, std::string_view who) {
  if constexpr (requires { objective.kl_coef = coef; })
    objective.kl_coef = coef;
  else
    require(false, "recllm: ", who, ": kl_control is set, but the objective has no kl_coef to move");
}

}  // namespace detail

}  // namespace recllm
