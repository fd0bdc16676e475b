// ops policy_loss, value_loss and kl.
#include <algorithm>

#include <recllm/cispo.hpp>
#include <recllm/grpo.hpp>
#include <recllm/gspo.hpp>
#include <recllm/objective/critic.hpp>
#include <recllm/objective/importance.hpp>
#include <recllm/ppo.hpp>
#include <recllm/reinforce.hpp>
#include <recllm/sapo.hpp>

#include "operations.hpp"

namespace conformance {
namespace {

using namespace recllm;

kl_estimator estimator(const fields& from, std::string_view name, kl_estimator otherwise) {
  from.read(name, otherwise,
            {{"k1", kl_estimator::k1},
             {"k2", kl_estimator::k2},
             {"k3", kl_estimator::k3},
             {"abs", kl_estimator::absolute},
             {"low_var_kl", kl_estimator::low_variance},
             {"low_variance", kl_estimator::low_variance}});
  return otherwise;
}

normalisation aggregation(const fields& config, std::string_view name, normalisation otherwise) {
  const std::optional<std::string> how = config.maybe_text(name);
  if (how == "sequence_mean_token_sum_norm")
    otherwise = config.has("constant_length")
                    ? normalisation::constant_length(config.count("constant_length"))
                    : normalisation::padded_length;
  else if (how == "token_sum_norm")
    otherwise = normalisation::sum_over(config.count("constant_length"));
  else
    config.read(name, otherwise,
                {{"sequence_mean_token_mean", normalisation::per_sequence},
                 {"token_mean", normalisation::per_token},
                 {"sequence_mean_token_sum", normalisation::per_sequence_sum}});
  return config.maybe_flag("skip_empty").value_or(false) ? otherwise.without_empty() : otherwise;
}

// A request's matrices, alive as long as the batch that borrows them.
struct tokens {
  raggedness shape;
  token_matrix<double> log_probs, old, ref, advantages, mask, entropies, importance;

  explicit tokens(const fields& request)
      : shape(request, "log_probs"),
        log_probs(shape.matrix(request, "log_probs")),
        old(request.has("old_log_probs") ? shape.matrix(request, "old_log_probs") : log_probs),
        ref(shape.maybe_matrix(request, "ref_log_probs")),
        advantages(shape.spread(request, "advantages")),
        mask(shape.mask(request)),
        entropies(shape.maybe_matrix(request, "entropies")) {
    const fields config = request.object("config");
    if (!config.has("importance") && !request.has("importance")) return;
    const fields given =
        config.has("importance") ? config.object("importance") : request.object("importance");
    importance_options how;
    const std::string mode = given.text("mode");
    if (mode != "token_truncate" && mode != "token_mask" && mode != "sequence_truncate" &&
        mode != "sequence_mask")
      given.fail("mode", "one of token_truncate, token_mask, sequence_truncate, sequence_mask");
    how.level = mode.starts_with("token") ? importance_level::token : importance_level::sequence;
    how.bound = mode.ends_with("mask") ? importance_bound::mask : importance_bound::truncate;
    given.read("cap", how.cap);
    given.read("floor", how.floor);
    given.read("log_ratio_limit", how.log_ratio_limit);
    given.read("sequence", how.sequence,
               {{"product", sequence_ratio::product}, {"geometric_mean", sequence_ratio::geometric_mean}});
    const token_matrix<double> rollout =
        shape.matrix(given.has("rollout_log_probs") ? given : request, "rollout_log_probs");
    importance = importance_weights<double>(rollout, old, mask, how);
  }
};

template <class O>
void read_common(O& o, const fields& request, const fields& config) {
  if (config.has("kl_coef"))
    o.kl_coef = config.number("kl_coef");
  else if (!request.has("ref_log_probs"))
    o.kl_coef = 0.0;  // nothing to diverge from
  config.read("entropy_coef", o.entropy_coef);
  o.average = aggregation(config, "aggregation", o.average);
  if (config.has("entropy_aggregation"))
    o.entropy_average = aggregation(config, "entropy_aggregation", o.average);
  if constexpr (requires { o.clip_low; }) {
    config.read("clip_low", o.clip_low);
    config.read("clip_high", o.clip_high);
  }
  if constexpr (requires { o.dual_clip; }) {
    config.read("dual_clip", o.dual_clip);
    config.read("delta", o.delta);
  }
  if constexpr (requires { o.log_ratio_limit; }) config.read("log_ratio_limit", o.log_ratio_limit);
  if constexpr (requires { o.counting; })
    config.read("clip_counting", o.counting,
                {{"held_back", clip_counting::held_back}, {"outside", clip_counting::outside}});
}

template <class O>
json evaluate(const O& o, const tokens& x) {
  const token_matrix<double> weights = o.weights(x.mask), bonus = o.entropy_weights(x.mask);
  const evaluation<double> e = o(token_batch<double>{x.log_probs, x.old, x.ref, x.advantages, weights,
                                                     x.importance, x.entropies, bonus});
  const double counted = std::max(1.0, e.tokens);
  json metrics{{"kl", number(e.kl / counted)},
               {"approx_kl", number(e.approx_kl / counted)},
               {"clip_fraction", number((e.clipped_low + e.clipped_high) / counted)},
               {"clip_fraction_low", number(e.clipped_low / counted)},
               {"clip_fraction_high", number(e.clipped_high / counted)},
               {"capped_fraction", number(e.capped / counted)},
               {"ratio_mean", number(e.ratio / counted)}};
  if (x.entropies.size() != 0) metrics["entropy"] = number(e.entropy / counted);
  return {
      {"loss", number(e.loss)}, {"gradient", x.shape.rows(e.dloss_dlogp)}, {"metrics", std::move(metrics)}};
}

template <class O>
json run(O o, const fields& request, const fields& config, const tokens& x) {
  read_common(o, request, config);
  o.kl_estimator = estimator(config, "kl_estimator", kl_estimator::k3);
  return evaluate(o, x);
}

json policy_loss(const json& object) {
  const fields request(object), config = request.object("config");
  const std::string algorithm = request.text("algorithm");
  const tokens x(request);
  if (algorithm == "grpo") return run(grpo{}, request, config, x);
  if (algorithm == "gspo") return run(gspo{}, request, config, x);
  if (algorithm == "gspo_token") return run(gspo{.per_token = true}, request, config, x);
  if (algorithm == "cispo") {
    cispo o;
    if (config.has("clip_high") && !config.has("cap")) o.cap = std::nullopt;
    config.read("cap", o.cap);
    return run(o, request, config, x);
  }
  if (algorithm == "sapo") {
    sapo o;
    config.read("temperature_pos", o.temperature_pos);
    config.read("temperature_neg", o.temperature_neg);
    return run(o, request, config, x);
  }
  if (algorithm == "ppo") {
    ppo o{.kl_in = kl_place::loss};
    if (!config.has("kl_coef")) o.kl_coef = 0.0;  // ppo's own is in the rewards
    read_common(o, request, config);
    if (!config.has("kl_coef")) o.kl_coef = 0.0;
    o.kl_estimator = estimator(config, "kl_estimator", kl_estimator::k3);
    return evaluate(o, x);
  }
  if (algorithm == "reinforce") return run(reinforce{}, request, config, x);
  if (algorithm == "gpg") return run(reinforce{.average = normalisation::per_token}, request, config, x);
  request.fail("algorithm", "one of grpo, gspo, gspo_token, cispo, sapo, ppo, reinforce, gpg");
}

json value_loss(const json& object) {
  const fields request(object), config = request.object("config");
  const raggedness shape(request, "values");
  const token_matrix<double> values = shape.matrix(request, "values"),
                             returns = shape.matrix(request, "returns"), mask = shape.mask(request);
  std::optional<double> range;
  config.read("clip_range", range);
  const token_matrix<double> old =
      range || request.has("old_values") ? shape.matrix(request, "old_values") : values;
  const token_matrix<double> weights = token_weights(mask, aggregation(config, "aggregation", ppo{}.average));
  const value_evaluation<double> e =
      recllm::value_loss(value_batch<double>{values, old, returns, weights}, range);
  const double counted = std::max(1.0, static_cast<double>((weights != 0.0).count()));
  return {{"loss", number(e.loss)},
          {"gradient", shape.rows(e.dloss_dvalues)},
          {"metrics", {{"clip_fraction", number(e.clipped / counted)}}}};
}

json kl(const json& object) {
  const fields request(object);
  const raggedness shape(request, "log_probs");
  const token_matrix<double> log_probs = shape.matrix(request, "log_probs"),
                             ref = shape.matrix(request, "ref_log_probs");
  return {{"kl",
           shape.rows(
               divergence<double>(log_probs, ref, estimator(request, "estimator", kl_estimator::k3)).value)}};
}

const added loss{"policy_loss", policy_loss}, critic{"value_loss", value_loss}, divergences{"kl", kl};

}  // namespace
}  // namespace conformance
