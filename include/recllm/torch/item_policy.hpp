// A policy over lists of items: an item_transformer that reads a history and ranks the whole catalogue.
//
//   pi(reasons, list | history) = prod_r pi(reason_r | history, reasons before)
//                                 prod_t exp z_t / sum over items not placed before of exp z,
//   z = logits after history and reasons + prior_weight * prior(history)
//
// Reasons are attributes named before the list (RecLLM-R1's reasoning, arXiv 2506.19235, as tokens); the list
// is drawn without replacement from one state (list_scores.hpp), so the ranking by z is its likeliest list.
// Where nothing but one item is drawn, both are a next-item softmax.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/core/types.hpp>
#include <recllm/torch/adamw.hpp>
#include <recllm/torch/dropout.hpp>
#include <recllm/torch/item_layout.hpp>
#include <recllm/torch/item_transformer.hpp>
#include <recllm/torch/list_scores.hpp>
#include <recllm/torch/safetensors.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// Satisfied by a prompt whose `.history` holds items, oldest first, at least one.
template <class T>
concept HasHistory = requires(const T& t) {
  { t.history } -> std::convertible_to<std::span<const std::size_t>>;
};

/// What an item_policy says: attributes, then items.
struct item_answer {
  std::vector<std::size_t> reasons;
  std::vector<std::size_t> items;
};

/// Rollouts that remember what they answer.
struct item_rollouts : rollouts<item_answer> {
  std::vector<std::vector<std::size_t>> histories;  ///< P
  bool one_by_one = false;                          ///< see given_items
};

/// How given() reads the items of a completion.
enum class given_items {
  one_by_one,  ///< each follows the history and those before it, as a user had them: whole sequences for SFT
  one_list     ///< all are drawn, without replacement, from the state after the history, as sample() does
};

/// For a history, what is added to the logits of some items: item and value, each item once.
using item_prior = std::function<std::vector<std::pair<std::size_t, float>>(std::span<const std::size_t>)>;

/// What an item_policy goes by.
struct item_policy_options {
  std::size_t list_length = 10;  ///< of sampled lists, > 0
  /// Of each item, the attributes that are named before it, all equally many; none = no reasons.
  std::vector<std::vector<std::size_t>> reasons = {};
  std::size_t max_history = 50;  ///< > 0: the last items of a history that are read
  item_prior prior = {};
  double prior_weight = 0.0;
  given_items given = given_items::one_by_one;
  adamw_options optimizer = {.beta2 = 0.98, .weight_decay = 0.1};
  /// In [0, 1), for supervised training: acts in trace(), not in sample() or log_probs(); see set_dropout.
  double input_dropout = 0.0, dropout = 0.0;
};

/// The policy. A copy has weights and state of its own.
template <HasHistory Prompt>
class item_policy {
 public:
  using prompt_type = Prompt;
  class forward_pass;

  /// Throws std::invalid_argument for settings out of range and reasons that are not attributes of the model.
  item_policy(item_transformer model, item_policy_options options)
      : model_(std::move(model)), options_(std::move(options)), optimizer_(options_.optimizer) {
    require(options_.list_length > 0 && options_.max_history > 0,
            "recllm: item_policy: list_length = ", options_.list_length,
            " and max_history = ", options_.max_history, "; expected > 0");
    require(options_.reasons.empty() || options_.reasons.size() == model_.items(),
            "recllm: item_policy: expected reasons of ", model_.items(), " items or none, got ",
            options_.reasons.size());
    for (std::size_t i = 0; i < options_.reasons.size(); ++i) {
      require(options_.reasons[i].size() == reason_count(), "recllm: item_policy: item ", i, " has ",
              options_.reasons[i].size(), " reasons, item 0 has ", reason_count(), "; expected equally many");
      for (const std::size_t reason : options_.reasons[i])
        require(reason < model_.attributes(), "recllm: item_policy: reason ", reason, " of item ", i,
                " is no attribute of the model's ", model_.attributes());
    }
    set_dropout(options_.input_dropout, options_.dropout);
  }

  item_policy(const item_policy& other)
      : model_(other.model_), options_(other.options_), optimizer_(options_.optimizer) {
    optimizer_.load_state(detail::clone(other.optimizer_.state()), model_.weights());
  }
  item_policy& operator=(const item_policy& other) { return *this = item_policy(other); }
  item_policy(item_policy&&) = default;
  item_policy& operator=(item_policy&&) = default;
  ~item_policy() = default;

  [[nodiscard]] const item_transformer& model() const { return model_; }
  [[nodiscard]] const item_policy_options& options() const { return options_; }

  /// group_size answers of each prompt: reasons one after the other, then a list.
  [[nodiscard]] item_rollouts sample(std::span<const Prompt> prompts, std::size_t group_size,
                                     random_stream rng) const {
    return answered(
        prompts, group_size,
        [&](const list_scores& scores, std::size_t row, std::int64_t state, std::size_t place,
            std::size_t length) { return scores.sample(state, length, rng.split(row).split(place)); });
  }

  /// The likeliest reason at each place, and the items of highest score after them.
  [[nodiscard]] item_rollouts greedy(std::span<const Prompt> prompts) const {
    return answered(prompts, 1,
                    [&](const list_scores& scores, std::size_t, std::int64_t state, std::size_t,
                        std::size_t length) { return scores.best(state, length); });
  }

  /// The rollouts of given completions, as options.given says; completions[i] answers prompts[i]. One by one,
  /// each item's reasons are named before it, and those of the completions are not read.
  [[nodiscard]] item_rollouts given(std::span<const Prompt> prompts,
                                    const std::vector<item_answer>& completions) const {
    require(prompts.size() == completions.size(), "recllm: item_policy: given: ", prompts.size(),
            " prompts for ", completions.size(), " completions");
    item_rollouts r = asked(prompts, 1);
    r.completions = completions;
    r.one_by_one = options_.given == given_items::one_by_one;
    for (std::size_t row = 0; row < completions.size(); ++row) {
      for (const std::size_t item : completions[row].items)
        require(item < model_.items(), "recllm: item_policy: given: completion ", row, " has item ", item,
                "; expected 0 to ", model_.items() - 1);
      require(r.one_by_one || completions[row].reasons.size() == reason_count(),
              "recllm: item_policy: given: completion ", row, " has ", completions[row].reasons.size(),
              " reasons, expected ", reason_count());
      for (const std::size_t reason : completions[row].reasons)
        require(reason < model_.attributes(), "recllm: item_policy: given: completion ", row, " has reason ",
                reason, "; expected 0 to ", model_.attributes() - 1);
      if (r.one_by_one) continue;
      std::vector<std::size_t> sorted = completions[row].items;
      std::ranges::sort(sorted);
      require(std::ranges::adjacent_find(sorted) == sorted.end(), "recllm: item_policy: given: completion ",
              row, " has an item twice; lists are of distinct items");
    }
    shape(r);
    return r;
  }

  /// count x T log-probs, nats.
  [[nodiscard]] token_matrix<float> log_probs(const item_rollouts& r, row_block rows) const {
    const at::NoGradGuard no_grad;
    return forward_pass(*this, r, rows, 0.0, 0.0).log_probs();
  }

  /// A forward pass that keeps its graph. Neighbouring rows of one prompt share states. Dropout's mask
  /// depends on the number of optimizer steps and on rows.first only.
  [[nodiscard]] forward_pass trace(const item_rollouts& r, row_block rows) const {
    return forward_pass(*this, r, rows, options_.input_dropout, options_.dropout);
  }

  /// P x items log-probs, nats, of each item as the first of the list, after the `beams` likeliest reasons:
  /// log of the sum over them of their probability times the item's.
  [[nodiscard]] token_matrix<float> next_item_log_probs(std::span<const Prompt> prompts,
                                                        std::size_t beams = 8) const;

  /// One AdamW step.
  double step(const update& how) { return optimizer_.step(model_.weights(), how); }

  /// Forgets the gathered gradient: a step that fails midway leaves none behind.
  void clear_gradient() { detail::clear_gradients(model_.weights()); }

  /// Each weight becomes share * other's + (1 - share) * its own; the optimizer's state stays.
  void blend(const item_policy& other, double share) {
    const at::NoGradGuard no_grad;
    for (const auto& [name, tensor] : model_.weights()) tensor.lerp_(other.model_.weights().at(name), share);
  }

  /// Writes model.safetensors and optimizer.safetensors into the folder.
  void save(const std::filesystem::path& folder) const {
    detail::save_weights(folder, model_.weights(), optimizer_);
  }

  /// Takes up what save() wrote of a policy of the same sizes. Throws std::invalid_argument where it does not
  /// fit; the policy is then as it was.
  void load(const std::filesystem::path& folder) {
    detail::load_weights("item_policy", folder, model_.weights(), optimizer_);
  }

  /// Throws std::invalid_argument unless both are in [0, 1).
  void set_dropout(double input, double hidden) {
    require(input >= 0.0 && input < 1.0 && hidden >= 0.0 && hidden < 1.0,
            "recllm: item_policy: dropout = ", input, " and ", hidden, ", expected 0 or more, less than 1");
    options_.input_dropout = input;
    options_.dropout = hidden;
  }

  /// A fresh optimizer, for the next phase of training.
  void reset_optimizer(adamw_options settings) {
    options_.optimizer = settings;
    optimizer_ = adamw(settings);
  }

 private:
  [[nodiscard]] std::size_t reason_count() const {
    return options_.reasons.empty() ? 0 : options_.reasons.front().size();
  }

  [[nodiscard]] std::span<const std::size_t> read(std::span<const std::size_t> history) const {
    return history.last(std::min(history.size(), options_.max_history));
  }

  [[nodiscard]] at::Tensor part_of_head(const at::Tensor& head, bool items) const {
    const auto count = static_cast<std::int64_t>(model_.items());
    return items ? head.narrow(0, 0, count) : head.narrow(0, count, head.size(0) - count);
  }

  /// S x N, of its own memory.
  [[nodiscard]] at::Tensor logits(const at::Tensor& states, const at::Tensor& head,
                                  const detail::item_states& from, bool items) const {
    const at::NoGradGuard no_grad;
    at::Tensor z = memory_.take(states.size(0), head.size(0));
    at::mm_out(z, states, head.t());
    if (!items || !options_.prior || options_.prior_weight == 0.0) return z;
    float* data = z.data_ptr<float>();
    for (std::size_t s = 0; s < from.histories.size(); ++s)
      for (const auto& [item, value] : options_.prior(from.histories[s]))
        data[s * model_.items() + item] += static_cast<float>(options_.prior_weight) * value;
    return z;
  }

  /// The distributions after `reasons` (B, of equal length) to the prompts of B rows, and each row's state.
  [[nodiscard]] std::pair<list_scores, std::vector<std::int64_t>> next(
      const item_rollouts& r, std::span<const std::vector<std::size_t>> reasons) const {
    const at::NoGradGuard no_grad;
    const bool items = reasons.front().size() == reason_count();
    detail::item_layout sequences(model_.items(), options_.reasons);
    detail::item_states from;
    std::vector<std::int64_t> states;
    for (std::size_t row = 0; row < reasons.size(); ++row) {
      const std::span<const std::size_t> history = read(r.histories[r.prompt[row]]);
      const std::int64_t first = sequences.add(history, reasons[row]);
      states.push_back(
          from.at(first + sequences.state_after(history.size() - 1, reasons[row].size()), history));
    }
    const at::Tensor vectors = model_.vectors();
    item_dropout none{{0.0, 0}, {0.0, 0}};
    const at::Tensor all = model_.states(sequences.sequences(), vectors, none);
    return {list_scores(logits(all.index_select(0, torch::tensor(from.places, at::kLong)),
                               part_of_head(item_transformer::head(vectors), items), from, items)),
            std::move(states)};
  }

  /// Answers, each part by `choose(scores, row, state, place, length)`.
  template <class Choose>
  [[nodiscard]] item_rollouts answered(std::span<const Prompt> prompts, std::size_t group_size,
                                       Choose&& choose) const {
    item_rollouts r = asked(prompts, group_size);
    std::vector<std::vector<std::size_t>> reasons(r.prompt.size());
    r.completions.resize(r.prompt.size());
    for (std::size_t place = 0; place <= reason_count(); ++place) {
      const bool items = place == reason_count();
      const auto [scores, states] = next(r, reasons);
      for (std::size_t row = 0; row < states.size(); ++row) {
        const std::vector<std::int64_t> drawn =
            choose(scores, row, states[row], place, items ? options_.list_length : std::size_t{1});
        std::vector<std::size_t>& into = items ? r.completions[row].items : reasons[row];
        into.insert(into.end(), drawn.begin(), drawn.end());
      }
    }
    for (std::size_t row = 0; row < reasons.size(); ++row)
      r.completions[row].reasons = std::move(reasons[row]);
    shape(r);
    r.log_probs = log_probs(r, {0, r.rows()});
    return r;
  }

  [[nodiscard]] item_rollouts asked(std::span<const Prompt> prompts, std::size_t group_size) const {
    item_rollouts r;
    for (std::size_t p = 0; p < prompts.size(); ++p) {
      const std::span<const std::size_t> history = prompts[p].history;
      require(!history.empty(), "recllm: item_policy: the history of prompt ", p, " is empty");
      for (const std::size_t item : history)
        require(item < model_.items(), "recllm: item_policy: the history of prompt ", p, " has item ", item,
                "; expected 0 to ", model_.items() - 1);
      r.histories.emplace_back(history.begin(), history.end());
      r.prompt.insert(r.prompt.end(), group_size, p);
    }
    return r;
  }

  /// The tokens of a row.
  [[nodiscard]] std::size_t tokens(const item_rollouts& r, std::size_t row) const {
    const item_answer& said = r.completions[row];
    return r.one_by_one ? said.items.size() * (reason_count() + 1) : said.reasons.size() + said.items.size();
  }

  /// mask 1 on every token, log_probs 0.
  void shape(item_rollouts& r) const {
    std::size_t longest = 0;
    for (std::size_t row = 0; row < r.completions.size(); ++row) longest = std::max(longest, tokens(r, row));
    r.mask = token_matrix<float>::Zero(r.rows(), static_cast<Eigen::Index>(longest));
    r.log_probs = r.mask;
    for (Eigen::Index row = 0; row < r.rows(); ++row)
      r.mask.row(row).head(static_cast<Eigen::Index>(tokens(r, static_cast<std::size_t>(row)))).setOnes();
  }

  item_transformer model_;
  item_policy_options options_;
  adamw optimizer_;
  mutable detail::reused_memory memory_;
};

/// Some rows' log-probs and the way back from them. Must not outlive its policy and rollouts.
template <HasHistory Prompt>
class item_policy<Prompt>::forward_pass {
 public:
  /// count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> log_probs() const {
    token_matrix<float> all = token_matrix<float>::Zero(count_, columns_);
    for (const part& one : parts_)
      for (std::size_t i = 0; i < one.lists.size(); ++i) {
        const std::vector<double> values = one.scores->log_probs(one.lists[i]);
        for (std::size_t t = 0; t < values.size(); ++t)
          all(one.rows[i], one.columns[i] + static_cast<Eigen::Index>(t)) = static_cast<float>(values[t]);
      }
    return all;
  }

  /// Adds the pullback of dloss_dlogp (count x T) to the model's gradient. Once per trace.
  void backward(const token_view<float>& dloss_dlogp) {
    std::vector<at::Tensor> outputs, slopes;
    for (part& one : parts_) {
      std::vector<std::vector<double>> of_lists(one.lists.size());
      for (std::size_t i = 0; i < one.lists.size(); ++i)
        for (std::size_t t = 0; t < one.lists[i].items.size(); ++t)
          of_lists[i].push_back(
              static_cast<double>(dloss_dlogp(one.rows[i], one.columns[i] + static_cast<Eigen::Index>(t))));
      const at::NoGradGuard no_grad;
      const at::Tensor dlogits = one.scores->pull_back(one.lists, of_lists);
      outputs.insert(outputs.end(), {one.states, one.head});
      slopes.insert(slopes.end(), {dlogits.matmul(one.head), dlogits.t().matmul(one.states)});
      one.scores.reset();
    }
    if (!outputs.empty()) torch::autograd::backward(outputs, slopes);
    parts_.clear();
  }

 private:
  friend item_policy;

  /// What is drawn of one kind, reasons or items.
  struct part {
    detail::item_states from;
    std::vector<state_list> lists;
    std::vector<Eigen::Index> rows, columns;  // of each list: where its first token stands
    at::Tensor states, head;
    std::optional<list_scores> scores;
  };

  forward_pass(const item_policy& policy, const item_rollouts& r, row_block rows, double input_dropout,
               double dropout)
      : count_(rows.count), columns_(r.mask.cols()) {
    const std::size_t reasons = policy.reason_count();
    detail::item_layout sequences(policy.model_.items(), policy.options_.reasons);
    std::vector<std::vector<std::size_t>> whole;  // one by one: histories with what follows
    whole.reserve(static_cast<std::size_t>(rows.count));
    part of_reasons, of_items;
    const auto draw = [](part& into, std::int64_t place, std::span<const std::size_t> history,
                         Eigen::Index row, std::size_t column, std::span<const std::size_t> items) {
      into.lists.push_back({into.from.at(place, history), {items.begin(), items.end()}});
      into.rows.push_back(row);
      into.columns.push_back(static_cast<Eigen::Index>(column));
    };
    for (Eigen::Index row = 0; row < rows.count; ++row) {
      const auto number = static_cast<std::size_t>(rows.first + row);
      const std::span<const std::size_t> history = policy.read(r.histories[r.prompt[number]]);
      const item_answer& said = r.completions[number];
      if (!r.one_by_one) {
        const std::int64_t first = sequences.add(history, said.reasons);
        for (std::size_t k = 0; k < reasons; ++k)
          draw(of_reasons, first + sequences.state_after(history.size() - 1, k), history, row, k,
               std::span(said.reasons).subspan(k, 1));
        draw(of_items, first + sequences.state_after(history.size() - 1, reasons), history, row, reasons,
             said.items);
        continue;
      }
      if (said.items.empty()) continue;
      std::vector<std::size_t>& all = whole.emplace_back(history.begin(), history.end());
      all.insert(all.end(), said.items.begin(), said.items.end());
      std::span<const std::size_t> last;
      if (reasons > 0) last = policy.options_.reasons[all.back()];
      const std::int64_t first = sequences.add(std::span(all).first(all.size() - 1), last);
      for (std::size_t j = history.size(); j < all.size(); ++j) {
        const std::size_t column = (j - history.size()) * (reasons + 1);
        for (std::size_t k = 0; k < reasons; ++k)
          draw(of_reasons, first + sequences.state_after(j - 1, k), {}, row, column + k,
               std::span(policy.options_.reasons[all[j]]).subspan(k, 1));
        draw(of_items, first + sequences.state_after(j - 1, reasons), std::span(all).first(j), row,
             column + reasons, std::span(all).subspan(j, 1));
      }
    }
    if (sequences.sequences().empty()) return;
    const random_stream seeds = random_stream(static_cast<std::uint64_t>(policy.optimizer_.steps()))
                                    .split(static_cast<std::uint64_t>(rows.first));
    item_dropout drop{{input_dropout, seeds.split(0).bits()}, {dropout, seeds.split(1).bits()}};
    const at::Tensor vectors = policy.model_.vectors();
    const at::Tensor states = policy.model_.states(sequences.sequences(), vectors, drop);
    const at::Tensor head = item_transformer::head(vectors);
    for (part* one : {&of_reasons, &of_items}) {
      if (one->lists.empty()) continue;
      const bool items = one == &of_items;
      one->states = states.index_select(0, torch::tensor(one->from.places, at::kLong));
      one->head = policy.part_of_head(head, items);
      one->scores.emplace(policy.logits(one->states, one->head, one->from, items));
      parts_.push_back(std::move(*one));
    }
  }

  Eigen::Index count_, columns_;
  std::vector<part> parts_;
};

template <HasHistory Prompt>
token_matrix<float> item_policy<Prompt>::next_item_log_probs(std::span<const Prompt> prompts,
                                                             std::size_t beams) const {
  struct beam {
    std::size_t prompt;
    std::vector<std::size_t> reasons;
    double log_prob;
  };
  require(beams > 0, "recllm: item_policy: next_item_log_probs: beams = 0; expected at least 1");
  token_matrix<float> all = token_matrix<float>::Zero(static_cast<Eigen::Index>(prompts.size()),
                                                      static_cast<Eigen::Index>(model_.items()));
  if (prompts.empty()) return all;
  std::vector<beam> alive;
  for (std::size_t p = 0; p < prompts.size(); ++p) alive.push_back({p, {}, 0.0});
  item_rollouts r = asked(prompts, 1);
  for (std::size_t place = 0; place <= reason_count(); ++place) {
    r.prompt.clear();
    std::vector<std::vector<std::size_t>> reasons;
    for (const beam& one : alive) {
      r.prompt.push_back(one.prompt);
      reasons.push_back(one.reasons);
    }
    const auto [scores, states] = next(r, reasons);
    const float* p = scores.probabilities().template data_ptr<float>();
    const auto width = scores.probabilities().size(1);
    if (place == reason_count()) {
      for (std::size_t i = 0; i < alive.size(); ++i)
        all.row(static_cast<Eigen::Index>(alive[i].prompt)) +=
            static_cast<float>(std::exp(alive[i].log_prob)) *
            Eigen::Map<const Eigen::Array<float, 1, Eigen::Dynamic>>(p + states[i] * width, width);
      break;
    }
    std::vector<beam> longer;
    for (std::size_t i = 0; i < alive.size();) {
      std::vector<beam> of_prompt;
      const std::size_t prompt = alive[i].prompt;
      for (; i < alive.size() && alive[i].prompt == prompt; ++i)
        for (const std::int64_t reason : scores.best(states[i], beams)) {
          of_prompt.push_back(alive[i]);
          of_prompt.back().reasons.push_back(static_cast<std::size_t>(reason));
          of_prompt.back().log_prob += std::log(static_cast<double>(p[states[i] * width + reason]));
        }
      std::ranges::stable_sort(of_prompt, std::ranges::greater{}, &beam::log_prob);
      of_prompt.resize(std::min(of_prompt.size(), beams));
      longer.insert(longer.end(), of_prompt.begin(), of_prompt.end());
    }
    alive = std::move(longer);
  }
  return all.log();
}

}  // namespace recllm::torch_bridge
