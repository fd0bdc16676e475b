// What a policy must be able to do: one concept an ability.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include <recllm/core/random.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// Whatever a policy answers: a user number, a struct of text and item lists, ...
template <class P>
using prompt_of = typename P::prompt_type;

/// Satisfied by `p.sample(std::span<const prompt_type>, std::size_t group_size, random_stream)`: group_size
/// completions of each prompt, as rollouts (or derived), with their log-probs under the distribution sampled
/// from. Row r draws only from `rng.split(r)`.
template <class P>
concept Sampler = requires(P& p, std::span<const typename P::prompt_type> prompts, random_stream rng) {
  { p.sample(prompts, std::size_t{}, rng).log_probs } -> std::convertible_to<token_matrix<float>>;
  p.sample(prompts, std::size_t{}, rng).completions;
};

/// The rollouts that a sampler returns.
template <class P>
using rollouts_of = decltype(std::declval<P&>().sample(std::declval<std::span<const prompt_of<P>>>(),
                                                       std::size_t{}, std::declval<random_stream>()));

/// Satisfied by `p.log_probs(rollouts, row_block)`: count x T log-probs, nats; all that a reference policy
/// needs.
template <class P, class Rollouts>
concept Scorer = requires(P& p, const Rollouts& r, row_block rows) {
  { p.log_probs(r, rows) } -> std::convertible_to<token_matrix<float>>;
};

/// Satisfied by one forward pass that can be pulled back: `t.log_probs()` (count x T, nats) and
/// `t.backward(dloss_dlogp)`, which adds to the policy's gradient.
template <class T>
concept Trace = requires(T& t, const token_matrix<float>& dloss_dlogp) {
  { t.log_probs() } -> std::convertible_to<token_matrix<float>>;
  t.backward(token_view<float>(dloss_dlogp));
};

/// A trace that also knows `t.entropies()`: count x T, nats, of the distribution at each token; logged if
/// there.
template <class T>
concept EntropyTrace = Trace<T> && requires(T& t) {
  { t.entropies() } -> std::convertible_to<token_matrix<float>>;
};

/// Satisfied by an entropy trace that also pulls entropies back: `t.backward(dloss_dlogp, dloss_dentropy)`
/// adds both to the policy's gradient. What an objective's entropy_coef asks for.
template <class T>
concept EntropyPullback = EntropyTrace<T> && requires(T& t, const token_matrix<float>& slope) {
  t.backward(token_view<float>(slope), token_view<float>(slope));
};

/// Where a token of a block of rows lies: its row, counted from the block's first, and its column.
struct token_place {
  Eigen::Index row, column;
};

/// What an objective answers at some tokens, 1 x n: dloss_dlogp, and dloss_dentropy or size 0.
struct token_slopes {
  token_matrix<float> dloss_dlogp, dloss_dentropy = {};
};

/// Satisfied by a trace that may score and pull back a few tokens at a time, so that what both need is
/// computed once: `t.backward(slopes_of)` calls slopes_of(places, log_probs, entropies) -> token_slopes for
/// stretches of n tokens, all that the mask counts once; log_probs and entropies are 1 x n, nats. Used for
/// tokenwise objectives.
template <class T>
concept OnePassTrace = EntropyPullback<T> &&
    requires(T& t, token_slopes (*slopes_of)(std::span<const token_place>, const token_matrix<float>&,
                                             const token_matrix<float>&)) {
  t.backward(slopes_of);
};

/// Satisfied by `p.trace(rollouts, row_block)` -> Trace.
template <class P, class Rollouts>
concept Differentiable = requires(P& p, const Rollouts& r, row_block rows) {
  { p.trace(r, rows) } -> Trace;
};

/// Satisfied by `p.step(update)`: applies the gathered gradient, clears it and returns its norm before
/// clipping. A gradient that is not finite is cleared and throws non_finite_error with the weights unchanged.
template <class P>
concept Updatable = requires(P& p, update how) {
  { p.step(how) } -> std::convertible_to<double>;
};

/// Satisfied by `p.given(prompts, completions)`: the rollouts of completions that were not sampled (sft,
/// dpo); completions[i] answers prompts[i], log_probs are 0.
template <class P>
concept Teachable = Sampler<P> && requires(P& p, std::span<const typename P::prompt_type> prompts,
                                           const decltype(rollouts_of<P>::completions)& completions) {
  { p.given(prompts, completions) } -> std::convertible_to<rollouts_of<P>>;
};

/// Satisfied by `p.greedy(prompts)`: the completion of each prompt that takes the likeliest token at each
/// place, as rollouts; completions[i] answers prompts[i]. What ReMax compares with.
template <class P>
concept Greedy = Sampler<P> && requires(P& p, std::span<const typename P::prompt_type> prompts) {
  { p.greedy(prompts) } -> std::convertible_to<rollouts_of<P>>;
};

/// Satisfied by `p.blend(other, share)`: each parameter becomes share * other's + (1 - share) * its own. What
/// a reference that follows the policy needs.
template <class P, class Other>
concept Blendable = requires(P& p, const Other& other) {
  p.blend(other, 0.5);
};

/// All that policy optimisation asks for.
template <class P>
concept Policy = Sampler<P> && Scorer<P, rollouts_of<P>> && Differentiable<P, rollouts_of<P>> && Updatable<P>;

}  // namespace recllm
