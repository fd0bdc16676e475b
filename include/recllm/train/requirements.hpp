// What the entry points ask of their arguments, as one sentence from the compiler for each missing ability.
//
// Entry points are not overloaded on concepts: a missing ability would be one candidate among many. They ask
// here, and go no further where the answer is no.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <recllm/core/concepts.hpp>
#include <recllm/core/random.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>

namespace recllm::detail {

template <class P>
consteval bool can_sample() {
  constexpr bool answers = requires { typename P::prompt_type; };
  static_assert(answers, "recllm: a policy needs  using prompt_type = ...;  the type of what it answers");
  if constexpr (answers) {
    constexpr bool samples = requires(P & p, std::span<const prompt_of<P>> prompts, random_stream rng) {
      p.sample(prompts, std::size_t{}, rng);
    };
    static_assert(samples,
                  "recllm: a policy needs  sample(std::span<const prompt_type>, std::size_t group_size, "
                  "recllm::random_stream)  that returns recllm::rollouts");
    if constexpr (samples) {
      constexpr bool described = requires(rollouts_of<P> & r, std::size_t row) {
        { r.prompt[row] } -> std::convertible_to<std::size_t>;
        r.completions[row];
        { r.mask } -> std::convertible_to<token_matrix<float>>;
      };
      static_assert(described,
                    "recllm: what sample() returns needs  prompt, completions and mask : derive it from "
                    "recllm::rollouts<completion>");
      constexpr bool scored = requires(rollouts_of<P> & r) {
        { r.log_probs } -> std::convertible_to<token_matrix<float>>;
      };
      static_assert(
          scored,
          "recllm: what sample() returns needs  log_probs , a recllm::token_matrix<float> of each token's "
          "log-probability when it was sampled");
      return described && scored;
    }
  }
  return false;
}

template <class P>
consteval bool can_learn() {
  if constexpr (can_sample<P>()) {
    constexpr bool scores = Scorer<P, rollouts_of<P>>;
    static_assert(scores,
                  "recllm: a policy needs  log_probs(rollouts, recllm::row_block)  that returns a "
                  "recllm::token_matrix<float>");
    constexpr bool traces = requires(P & p, const rollouts_of<P>& r, row_block rows) { p.trace(r, rows); };
    static_assert(traces,
                  "recllm: a policy needs  trace(rollouts, recllm::row_block)  that returns an object with  "
                  "log_probs()  "
                  "and  backward(recllm::token_view<float>)");
    bool pulls_back = false;
    if constexpr (traces) {
      constexpr bool complete = Differentiable<P, rollouts_of<P>>;
      static_assert(complete,
                    "recllm: what a policy's trace() returns needs  log_probs()  and  "
                    "backward(recllm::token_view<float> dloss_dlogp)");
      pulls_back = complete;
    }
    constexpr bool steps = Updatable<P>;
    static_assert(
        steps,
        "recllm: a policy needs  step(recllm::update)  that applies and clears the gathered gradient and "
        "returns its norm");
    return scores && pulls_back && steps;
  }
  return false;
}

/// What a policy that trains on given data needs besides.
template <class P>
consteval bool can_be_taught() {
  if constexpr (can_learn<P>()) {
    constexpr bool given = Teachable<P>;
    static_assert(
        given,
        "recllm: to be fitted a policy needs  given(std::span<const prompt_type>, completions)  that returns "
        "what sample() returns");
    return given;
  }
  return false;
}

template <class Reference, class P>
consteval bool can_score() {
  constexpr bool scores = Scorer<Reference, rollouts_of<P>>;
  static_assert(scores,
                "recllm: a reference policy needs  log_probs(rollouts, recllm::row_block)  for the rollouts "
                "of the policy "
                "that learns");
  return scores;
}

template <class O>
consteval bool can_compare() {
  constexpr bool compares = GroupObjective<O>;
  static_assert(compares,
                "recllm: train needs an objective with  o(batch) , needs_reference() , weights(mask)  and  "
                "advantages(scored_step) , such as grpo{}; ppo learns by train_ppo, sft and dpo by fit");
  return compares;
}

template <class O>
consteval bool can_imitate() {
  constexpr bool imitates = StepObjective<O>;
  static_assert(imitates,
                "recllm: fit needs an objective with  o(batch) , needs_reference()  and  weights(mask) , "
                "such as sft{}");
  return imitates;
}

template <class Prompts, class Prompt>
consteval bool are_prompts() {
  constexpr bool neighbours = std::convertible_to<Prompts&, std::span<const Prompt>>;
  static_assert(neighbours,
                "recllm: prompts must lie in a std::vector, array or span of the policy's prompt_type");
  return neighbours;
}

/// Whether what a range borrows outlives the call: arguments as deduced for `T&&`.
template <class P, class Data>
consteval bool borrows_variables() {
  constexpr bool policy = std::is_lvalue_reference_v<P>;
  static_assert(policy,
                "recllm: the policy is borrowed and learns in place: pass a variable, not a temporary");
  // std::ranges::borrowed_range, without <ranges>, which is slow to compile; <span> declares what is asked
  // here.
  constexpr bool data = std::is_lvalue_reference_v<Data> || std::ranges::enable_borrowed_range<Data>;
  static_assert(data,
                "recllm: prompts and examples are borrowed: pass a variable or a span, not a temporary");
  return policy && data;
}

}  // namespace recllm::detail
