// op advantages.
#include <recllm/objective/advantage.hpp>
#include <recllm/objective/baseline.hpp>
#include <recllm/objective/gae.hpp>
#include <recllm/objective/reinforce_plus_plus.hpp>
#include <recllm/objective/several_rewards.hpp>

#include "operations.hpp"

namespace conformance {
namespace {

using namespace recllm;

advantage_options options(const fields& config) {
  advantage_options how;
  config.read("scale", how.scale,
              {{"group", advantage_scale::group_deviation},
               {"batch", advantage_scale::batch_deviation},
               {"none", advantage_scale::none}});
  config.read("eps", how.epsilon);
  config.read("std", how.divisor, {{"sample", deviation::sample}, {"population", deviation::population}});
  config.read("lone", how.lone, {{"zero", lone_completion::zero}, {"reward", lone_completion::keeps_reward}});
  config.read("last", how.last,
              {{"none", last_normalisation::none},
               {"per_sequence", last_normalisation::per_sequence},
               {"per_token", last_normalisation::per_token}});
  config.read("gamma", how.gamma);
  config.read(
      "masked", how.masked,
      {{"carry", masked_tokens::carry}, {"zero", masked_tokens::zero}, {"reset", masked_tokens::reset}});
  return how;
}

// Tokens of each completion: "lengths", or what "mask" counts, or 1.
row_values<double> lengths(const fields& request, Eigen::Index completions) {
  if (request.has("lengths")) return request.list("lengths");
  if (request.has("mask")) return raggedness(request, "mask").mask(request).rowwise().sum();
  return row_values<double>::Ones(completions);
}

json several(const fields& request, const fields& config, const advantage_options& how) {
  const raggedness shape(request, "rewards");
  const token_matrix<double> columns = shape.matrix(request, "rewards");
  const row_values<double> weights = request.has("weights")
                                         ? request.list("weights")
                                         : row_values<double>(row_values<double>::Ones(columns.cols()));
  const row_values<double> tokens = lengths(request, columns.rows());
  bool first = false;
  config.read("combine", first, {{"normalize_then_sum", true}, {"sum_then_normalize", false}});
  const reward_columns x{columns, weights, tokens};
  const std::vector<std::size_t> groups = request.groups("groups");
  return {{"advantages",
           numbers(first ? normalize_then_sum(x, groups, how) : sum_then_normalize(x, groups, how))}};
}

json by_token(const fields& request, const fields& config, bool critic) {
  const raggedness shape(request, "rewards");
  const token_matrix<double> rewards = shape.matrix(request, "rewards"), mask = shape.mask(request);
  if (!critic) {
    const gae_estimate<double> e = reinforce_plus_plus(rewards, mask, options(config));
    return {{"advantages", shape.rows(e.advantages)}, {"returns", shape.rows(e.returns)}};
  }
  const token_matrix<double> values = shape.matrix(request, "values");
  gae_options how;
  config.read("gamma", how.gamma);
  config.read("lambda", how.lambda);
  config.read(
      "masked", how.masked,
      {{"carry", masked_tokens::carry}, {"zero", masked_tokens::zero}, {"reset", masked_tokens::reset}});
  gae_estimate<double> e = gae(gae_batch<double>{rewards, values, mask}, how);
  if (config.maybe_flag("whiten").value_or(false)) e.advantages = whiten(e.advantages, mask);
  return {{"advantages", shape.rows(e.advantages)}, {"returns", shape.rows(e.returns)}};
}

json advantages(const json& object) {
  const fields request(object), config = request.object("config");
  const std::string estimator = request.text("estimator");
  if (estimator == "gae" || estimator == "reinforce_plus_plus")
    return by_token(request, config, estimator == "gae");
  const advantage_options how = options(config);
  const json& given = request.any("rewards");
  if (estimator == "grpo" && given.is_array() && !given.empty() && given.front().is_array())
    return several(request, config, how);
  const row_values<double> rewards = request.list("rewards");
  if (estimator == "remax")
    return {{"advantages", numbers(greedy_baseline(rewards, request.list("baselines")))}};

  const auto grouped = [&]() -> row_values<double> {
    if (estimator == "grpo") return group_relative(rewards, request.groups("groups"), how);
    if (estimator == "rloo") return leave_one_out(rewards, request.groups("groups"), how);
    if (estimator == "gpg") return gpg_relative(rewards, request.groups("groups"), how);
    const row_values<double> tokens = lengths(request, rewards.size());
    if (estimator == "opo") return optimal_baseline({rewards, tokens}, request.groups("groups"), how);
    if (estimator == "reinforce_plus_plus_baseline")
      return reinforce_plus_plus_baseline({rewards, tokens}, request.groups("groups"), how);
    request.fail(
        "estimator",
        "one of grpo, rloo, opo, reinforce_plus_plus, reinforce_plus_plus_baseline, remax, gpg, gae");
  };
  return {{"advantages", numbers(grouped())}};
}

const added this_file{"advantages", advantages};

}  // namespace
}  // namespace conformance
