// op reward: the terms of the reward room, by the contract's names.
#include <functional>
#include <map>

#include <recllm/core/check.hpp>
#include <recllm/reward.hpp>

#include "lists.hpp"

namespace conformance {
namespace {

using namespace recllm;

struct prompt {
  names target, pool, history;
};
struct completion {
  names items;
  std::string text;
};

prompt prompt_of(const fields& request, const std::string& reward) {
  const fields context = request.object("context");
  prompt p;
  if (reward == "out_of_pool")
    p.pool = items(context, "pool");
  else if (reward == "seen")
    p.history = items(context, "history");
  else if (reward == "lcs" || reward == "rouge_l" || reward == "ndcg" || reward == "mrr" || reward == "rbo")
    p.target = items(context, "target");
  return p;
}

completion completion_of(const fields& request, const std::string& reward) {
  const fields given = request.object("completion");
  completion c;
  if (reward == "format")
    c.text = given.text("text");
  else
    c.items = items(given, "items");
  return c;
}

// The reward, with its value reported under the name it was asked by.
struct scoring {
  const fields& request;
  std::string name;
  prompt asked;
  completion answered;

  template <class Goal>
  json operator()(const Goal& goal) const {
    json components = json::object();
    auto note = [&](std::string_view term, double value) { components[std::string(term)] = number(value); };
    const double value = reward::evaluate(goal.named(name), asked, answered, note);
    return {{"value", number(value)}, {"components", components}};
  }
};

// "log2", "uniform" or a list of one weight a rank.
json lcs(const scoring& score, const fields& config) {
  const bool normalised = config.maybe_flag("normalize").value_or(true);
  const auto by = [&](const auto& weight) {
    if (normalised) return score(reward::lcs(&prompt::target, weight));
    return score(reward::term("lcs", [&](const prompt& p, const completion& c) {
      return measure::weighted_lcs(c.items, p.target, weight);
    }));
  };
  if (config.has("weights") && config.any("weights").is_array()) {
    const row_values<double> given = config.list("weights");
    if (static_cast<std::size_t>(given.size()) < score.answered.items.size())
      config.fail("weights", "one weight for each item of the completion or more");
    return by([&](std::size_t rank) { return given(static_cast<Eigen::Index>(rank) - 1); });
  }
  bool uniform = false;
  config.read("weights", uniform, {{"log2", false}, {"uniform", true}});
  if (uniform) return by(measure::uniform_weight{});
  return by(measure::log2_discount{});
}

json rank_biased_overlap(const scoring& score, const fields& config) {
  measure::overlap_options how;
  config.read("p", how.p);
  config.read("tail", how.tail,
              {{"extrapolated", measure::overlap_tail::extrapolated}, {"none", measure::overlap_tail::none}});
  return score(reward::rank_biased_overlap(&prompt::target, how));
}

json topic_entropy(const scoring& score, const fields& config) {
  const attribute_table topics(score.request);
  return score(reward::topic_entropy(std::cref(topics), entropy_settings(config)));
}

json novelty(const scoring& score, const fields& config) {
  const measure::interaction_shares<std::string> share = shares(score.request);
  double floor = measure::least_share;
  config.read("floor", floor);
  return score(reward::novelty(std::cref(share), floor));
}

json reward_of(const json& object) {
  const fields request(object), config = request.object("config");
  const std::string name = request.text("reward");
  const std::size_t k = config.has("k") ? config.count("k") : measure::whole_list;
  const auto score = [&] {
    return scoring{request, name, prompt_of(request, name), completion_of(request, name)};
  };
  const std::map<std::string, std::function<json()>, std::less<>> known{
      {"lcs", [&] { return lcs(score(), config); }},
      {"rouge_l",
       [&] { return score()(reward::rouge_l(&prompt::target, config.maybe_number("beta").value_or(1.0))); }},
      {"ndcg", [&] { return score()(reward::ndcg(&prompt::target, k)); }},
      {"mrr", [&] { return score()(reward::reciprocal_rank(&prompt::target, k)); }},
      {"rbo", [&] { return rank_biased_overlap(score(), config); }},
      {"intra_list_diversity",
       [&] {
         const attribute_table attributes(request);
         return score()(reward::diversity(std::cref(attributes)));
       }},
      {"topic_entropy", [&] { return topic_entropy(score(), config); }},
      {"novelty", [&] { return novelty(score(), config); }},
      {"format", [&] { return score()(reward::format()); }},
      {"repeats", [&] { return score()(reward::repeats()); }},
      {"out_of_pool", [&] { return score()(reward::out_of_pool(&prompt::pool)); }},
      {"seen", [&] { return score()(reward::seen(&prompt::history)); }}};
  std::function<json()> found;
  request.read("reward", found, known);
  return found();
}

const added this_file{"reward", reward_of};

}  // namespace
}  // namespace conformance
