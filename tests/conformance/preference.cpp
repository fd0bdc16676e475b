// The operation preference_loss: the members of the DPO family by their names, and kto.
#include <optional>
#include <string>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/objective/preference.hpp>
#include <recllm/objective/preference_unpaired.hpp>

#include "operations.hpp"

namespace conformance {
namespace {

using recllm::any_pair_loss;
using list = std::vector<double>;

/// n numbers; what is absent is `otherwise`, or an error where there is none.
list numbers_of(const fields& request, std::string_view name, std::size_t n,
                std::optional<double> otherwise = std::nullopt) {
  const std::optional<list> given = request.maybe_list(name);
  if (!given && otherwise) return list(n, *otherwise);
  if (!given || given->size() != n) request.fail(name, recllm::message("a list of ", n, " numbers"));
  return *given;
}

any_pair_loss loss_of(const fields& request) {
  const fields config = request.object("config");
  recllm::bco_loss bco;
  config.read("delta", bco.delta);
  recllm::discopop_loss discopop;
  config.read("tau", discopop.tau);
  recllm::simpo_loss simpo;
  config.read("gamma", simpo.gamma);
  // The preference terms alone, as TRL's cpo_loss and odds_ratio_loss return them.
  recllm::cpo_loss cpo{.nll_coef = 0.0};
  config.read("nll_coef", cpo.nll_coef);
  const recllm::orpo_loss orpo{.nll_coef = cpo.nll_coef};
  any_pair_loss loss = recllm::sigmoid_loss;
  request.read<any_pair_loss>("loss", loss,
                              {{"sigmoid", recllm::sigmoid_loss},
                               {"robust", recllm::robust_loss},
                               {"ipo", recllm::ipo_loss},
                               {"hinge", recllm::hinge_loss},
                               {"exo_pair", recllm::exo_loss},
                               {"nca_pair", recllm::nca_loss},
                               {"bco_pair", bco},
                               {"sppo_hard", recllm::sppo_loss},
                               {"aot", recllm::aot_loss},
                               {"aot_unpaired", recllm::aot_unpaired_loss},
                               {"apo_zero", recllm::apo_zero_loss},
                               {"apo_down", recllm::apo_down_loss},
                               {"discopop", discopop},
                               {"simpo", simpo},
                               {"cpo", cpo},
                               {"orpo", orpo}});
  return loss;
}

/// The answer of n losses, whose mean is what the gradients are of.
class answer {
 public:
  explicit answer(std::size_t n) : share_(n == 0 ? 0.0 : 1.0 / static_cast<double>(n)) {}

  void add(double value) {
    sum_ += value;
    out_["losses"].push_back(number(value));
  }
  void add(const std::string& side, double slope, double reward) {
    out_["gradient_" + side].push_back(number(share_ * slope));
    out_[side + "_rewards"].push_back(number(reward));
  }
  void add_gradient(double slope) { out_["gradient"].push_back(number(share_ * slope)); }

  [[nodiscard]] json done() {
    out_["loss"] = number(share_ * sum_);
    return out_;
  }

 private:
  double share_, sum_ = 0.0;
  json out_{{"losses", json::array()},
            {"gradient_chosen", json::array()},
            {"gradient_rejected", json::array()},
            {"chosen_rewards", json::array()},
            {"rejected_rewards", json::array()}};
};

/// Desirable completions are answered as chosen and undesirable ones as rejected; "gradient" is in the
/// request's order.
json kto(const fields& request) {
  recllm::unpaired_options how;
  const fields config = request.object("config");
  config.read("beta", how.beta);
  config.read("desirable_weight", how.desirable_weight);
  config.read("undesirable_weight", how.undesirable_weight);
  config.read("kl", how.kl);
  request.read("kl", how.kl);
  const recllm::row_values<double> policy = request.list("policy");
  const auto n = static_cast<std::size_t>(policy.size());
  const list reference = numbers_of(request, "ref", n);
  const json& labels = request.any("labels");
  if (!labels.is_array() || labels.size() != n)
    request.fail("labels", recllm::message("a list of ", n, " labels"));
  answer out(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (!labels[i].is_boolean() && !labels[i].is_number()) request.fail("labels", "true, false, 1 or 0 each");
    const bool desirable = labels[i].is_boolean() ? labels[i].get<bool>() : labels[i].get<double>() > 0.0;
    const recllm::unpaired_loss l =
        recllm::kto_loss({policy(static_cast<Eigen::Index>(i)), reference[i], desirable}, how);
    out.add(l.value);
    out.add(desirable ? "chosen" : "rejected", l.slope, l.reward);
    out.add_gradient(l.slope);
  }
  return out.done();
}

json preference_loss(const json& asked) {
  const fields request(asked);
  if (request.text("loss") == "kto") return kto(request);

  const any_pair_loss loss = loss_of(request);
  recllm::pair_options how;
  const fields config = request.object("config");
  config.read("beta", how.beta);
  config.read("label_smoothing", how.label_smoothing);
  how.length_normalised = config.maybe_flag("length_normalize").value_or(how.length_normalised);
  const recllm::row_values<double> chosen = request.list("chosen");
  const auto n = static_cast<std::size_t>(chosen.size());
  const std::optional<double> no_reference = loss.needs_reference() ? std::nullopt : std::optional(0.0);
  const recllm::pair_log_probs absent;
  const list rejected = numbers_of(request, "rejected", n);
  const list ref_chosen = numbers_of(request, "ref_chosen", n, no_reference);
  const list ref_rejected = numbers_of(request, "ref_rejected", n, no_reference);
  const list chosen_lengths = numbers_of(request, "chosen_lengths", n, absent.chosen_length);
  const list rejected_lengths = numbers_of(request, "rejected_lengths", n, absent.rejected_length);
  std::vector<recllm::pair_log_probs> pairs;
  for (std::size_t i = 0; i < n; ++i)
    pairs.push_back({chosen(static_cast<Eigen::Index>(i)), rejected[i], ref_chosen[i], ref_rejected[i],
                     chosen_lengths[i], rejected_lengths[i]});
  answer out(n);
  for (const recllm::pair_loss& l : loss(pairs, how)) {
    out.add(l.value);
    out.add("chosen", l.dchosen, l.chosen_reward);
    out.add("rejected", l.drejected, l.rejected_reward);
  }
  return out.done();
}

const added this_operation{"preference_loss", preference_loss};

}  // namespace
}  // namespace conformance
