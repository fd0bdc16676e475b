// The language-model policy: sharing a prompt changes nothing, samples follow their log-probs, gradients are
// autograd's.
#include <recllm/torch/causal_lm.hpp>

#include <cmath>

#include <recllm/grpo.hpp>
#include <recllm/sft.hpp>

#include "support/catch.hpp"
#include "support/relative_difference.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

struct text {
  token_ids tokens;
  std::vector<float> loss_mask;
};

using policy = causal_lm<text, text>;

constexpr std::int64_t vocabulary = 23;

policy make_policy(std::uint64_t seed, generation_options sampling = {
                                           .max_new_tokens = 9, .temperature = 1.0, .end_tokens = {0}}) {
  return policy(
      qwen({.vocab_size = vocabulary, .hidden_size = 16, .intermediate_size = 24, .initializer_range = 0.4},
           random_stream(seed)),
      {.decode =
           [](token_ids tokens) {
             return text{std::move(tokens), {}};
           },
       .sampling = sampling,
       .optimizer = {}});
}

const std::vector<text> prompts{{{3, 7, 1}, {}}, {{5}, {}}, {{2, 2, 9, 11, 4, 6}, {}}};

tensor_map gradients(const policy& p) {
  tensor_map all;
  for (const auto& [name, weight] : p.model().weights()) {
    all[name] = weight.grad().clone();
    weight.mutable_grad() = at::Tensor();
  }
  return all;
}

token_matrix<float> random_slopes(Eigen::Index rows, Eigen::Index columns, random_stream rng) {
  token_matrix<float> slopes(rows, columns);
  for (Eigen::Index i = 0; i < slopes.size(); ++i) slopes.data()[i] = static_cast<float>(rng.normal());
  return slopes;
}

}  // namespace

static_assert(Policy<policy> && Teachable<policy>);
static_assert(OnePassTrace<token_trace> && Greedy<policy> && Blendable<policy, policy>);

TEST_CASE("sampled log-probs are those of scoring", "[causal_lm]") {
  for (const double temperature : {1.0, 0.7}) {
    const policy p = make_policy(1, {.max_new_tokens = 9, .temperature = temperature, .end_tokens = {0}});
    const auto r = p.sample(prompts, 5, random_stream(8));
    REQUIRE(r.rows() == 15);
    const token_matrix<float> scored = p.log_probs(r, {0, r.rows()});
    CHECK((scored - r.log_probs).abs().maxCoeff() < 1e-5f);
    for (Eigen::Index row = 0; row < r.rows(); ++row) {
      const token_ids& tokens = r.tokens[static_cast<std::size_t>(row)];
      CHECK(r.mask.row(row).sum() == static_cast<float>(tokens.size()));
      CHECK((tokens.size() == 9 || tokens.back() == 0));
    }
  }
}

TEST_CASE("a completion without an end token was truncated", "[causal_lm]") {
  const auto r = make_policy(1).sample(prompts, 9, random_stream(8));
  REQUIRE(r.truncated.size() == 27);
  std::size_t cut = 0;
  for (std::size_t row = 0; row < 27; ++row) {
    CHECK(r.truncated[row] == (r.tokens[row].back() != 0));
    cut += r.truncated[row];
  }
  CHECK(cut > 0);
  CHECK(cut < 27);
  CHECK(make_policy(1, {.max_new_tokens = 3, .end_tokens = {}})
            .sample(prompts, 2, random_stream(8))
            .truncated.empty());
}

TEST_CASE("steps without the truncated completions are the same a row at a time", "[causal_lm]") {
  const auto goal = [](const text&, const text& answer) { return static_cast<double>(answer.tokens[0] % 3); };
  std::vector<step_metrics> whole;
  for (const std::size_t micro_rows : {0u, 1u}) {
    policy p = make_policy(1, {.max_new_tokens = 3, .end_tokens = {0}});
    std::size_t step = 0;
    for (const step_metrics& m : train(p, grpo{.kl_coef = 0}, goal, prompts,
                                       {.steps = 4,
                                       .group_size = 4,
                                       .micro_rows = micro_rows,
                                       .learning_rate = 1e-2,
                                       .mask_truncated = true,
                                       .top_entropy = 0.5,
                                       .importance = importance_options{}})) {
      REQUIRE(m.truncated.value() > 0.5);  // blocks of which nothing is learned
      if (micro_rows == 0) {
        whole.push_back(m);
        continue;
      }
      CHECK(m.loss == Approx(whole[step].loss).margin(1e-5));
      CHECK(m.grad_norm == Approx(whole[step].grad_norm).epsilon(1e-3).margin(1e-5));
      CHECK(m.importance_ratio.value() == Approx(whole[step].importance_ratio.value()));
      ++step;
    }
  }
  CHECK(whole[0].grad_norm + whole[1].grad_norm > 0.0);
}

TEST_CASE("greedy takes the likeliest token at each place", "[causal_lm]") {
  const policy p = make_policy(1, {.max_new_tokens = 9, .temperature = 0.7, .end_tokens = {0}});
  const auto r = p.greedy(prompts);
  REQUIRE(r.rows() == 3);
  for (std::size_t row = 0; row < 3; ++row) {
    CHECK(r.prompt[row] == row);
    token_ids context = prompts[row].tokens;
    for (const std::int64_t token : r.tokens[row]) {
      const std::vector<token_ids> one{context};
      CHECK(token == next_token_log_probs(p.model(), one).argmax(1).item<std::int64_t>());
      context.push_back(token);
    }
  }
  CHECK((r.log_probs - p.log_probs(r, {0, 3})).abs().maxCoeff() < 1e-6f);
}

TEST_CASE("a reference is blended towards a policy, weight by weight", "[causal_lm]") {
  const policy from = make_policy(1);
  policy reference = make_policy(2);
  const policy before = reference;
  reference.blend(from, 0.25);
  for (const auto& [name, weight] : reference.model().weights())
    CHECK(at::allclose(weight,
                       0.25 * from.model().weights().at(name) + 0.75 * before.model().weights().at(name)));
  reference.blend(from, 1.0);
  for (const auto& [name, weight] : reference.model().weights())
    CHECK(at::equal(weight, from.model().weights().at(name)));
}

TEST_CASE("a shared prompt gives the log-probs and gradients of separate ones", "[causal_lm]") {
  const policy p = make_policy(2);
  const auto r = p.sample(prompts, 4, random_stream(5));
  const token_matrix<float> slopes = random_slopes(r.rows(), r.mask.cols(), random_stream(6));

  auto together = p.trace(r, {0, r.rows()});
  const token_matrix<float> shared = together.log_probs();
  together.backward(slopes);
  const tensor_map shared_gradients = gradients(p);

  for (Eigen::Index row = 0; row < r.rows(); ++row) {
    auto alone = p.trace(r, {row, 1});
    CHECK((alone.log_probs() - shared.row(row)).abs().maxCoeff() < 1e-5f);
    alone.backward(slopes.middleRows(row, 1));
  }
  for (const auto& [name, gradient] : gradients(p)) {
    INFO(name);
    CHECK((gradient - shared_gradients.at(name)).norm().item<float>() <=
          1e-5f * (1.0f + gradient.norm().item<float>()));
  }
}

TEST_CASE("entropies are those of the whole distribution", "[causal_lm]") {
  const policy p = make_policy(3);
  const auto r = p.sample(std::span(prompts).first(1), 1, random_stream(5));
  const std::vector<token_ids> context{prompts[0].tokens};
  const at::Tensor log_probs = next_token_log_probs(p.model(), context);
  CHECK(p.trace(r, {0, 1}).entropies()(0, 0) ==
        Approx(-(log_probs.exp() * log_probs).sum().item<float>()).epsilon(1e-5));
  CHECK(log_probs.exp().sum().item<float>() == Approx(1.0f));
}

TEST_CASE("samples follow the model's distribution", "[causal_lm]") {
  const policy p = make_policy(4, {.max_new_tokens = 1, .temperature = 1.0, .end_tokens = {}});
  const std::vector<token_ids> context{prompts[0].tokens};
  const at::Tensor expected = next_token_log_probs(p.model(), context).exp().squeeze(0);
  const std::size_t draws = 20000;
  const auto r = p.sample(std::span(prompts).first(1), draws, random_stream(17));
  std::vector<double> counts(vocabulary, 0.0);
  for (const token_ids& tokens : r.tokens) counts[static_cast<std::size_t>(tokens[0])] += 1.0;
  double chi_squared = 0.0;
  for (std::size_t v = 0; v < counts.size(); ++v) {
    const double mean = expected[static_cast<std::int64_t>(v)].item<double>() * static_cast<double>(draws);
    chi_squared += (counts[v] - mean) * (counts[v] - mean) / mean;
  }
  CHECK(chi_squared < 48.3);  // 0.1 % of chi-squared with 22 degrees of freedom lie above
}

TEST_CASE("the same seed draws the same, whatever else is in the batch", "[causal_lm]") {
  const policy p = make_policy(5);
  const auto all = p.sample(prompts, 3, random_stream(9));
  const auto again = p.sample(prompts, 3, random_stream(9));
  const auto first = p.sample(std::span(prompts).first(1), 3, random_stream(9));
  CHECK(all.tokens == again.tokens);
  CHECK(std::vector(all.tokens.begin(), all.tokens.begin() + 3) == first.tokens);
}

TEST_CASE("GRPO's gradient is autograd's of the written formula", "[causal_lm]") {
  const policy p = make_policy(6);
  auto r = p.sample(prompts, 4, random_stream(21));
  const token_matrix<float> reference =
      r.log_probs + 0.3f * random_slopes(r.rows(), r.mask.cols(), random_stream(22)) * r.mask;
  r.log_probs += 0.2f * random_slopes(r.rows(), r.mask.cols(), random_stream(23)) * r.mask;
  token_matrix<float> advantages = random_slopes(r.rows(), 1, random_stream(24)).replicate(1, r.mask.cols());
  const grpo objective{.kl_coef = 0.1f};

  auto trace = p.trace(r, {0, r.rows()});
  const token_matrix<float> weights = objective.weights(r.mask);
  const auto e =
      objective(token_batch<float>{trace.log_probs(), r.log_probs, reference, advantages, weights});
  trace.backward(e.dloss_dlogp);
  const tensor_map ours = gradients(p);

  // J of the paper's section 3.3, one completion at a time, through the whole logits.
  at::Tensor loss = at::zeros({});
  for (std::size_t row = 0; row < r.tokens.size(); ++row) {
    token_ids sequence = r.prompt_tokens[r.prompt[row]];
    const std::int64_t start = static_cast<std::int64_t>(sequence.size()) - 1;
    const std::int64_t length = static_cast<std::int64_t>(r.tokens[row].size());
    sequence.insert(sequence.end(), r.tokens[row].begin(), r.tokens[row].end());
    const std::vector<prompt_group> one{{sequence, {}}};
    const at::Tensor logits = at::linear(p.model().hidden(pack(one, at::kCPU)), p.model().head());
    const at::Tensor logp = at::log_softmax(logits, 1)
                                .narrow(0, start, length)
                                .gather(1, torch::tensor(r.tokens[row], at::kLong).unsqueeze(1))
                                .squeeze(1);
    const auto host = [&](const token_matrix<float>& m) {
      return torch::tensor(std::vector<float>(m.row(static_cast<Eigen::Index>(row)).data(),
                                              m.row(static_cast<Eigen::Index>(row)).data() + length));
    };
    const at::Tensor difference = host(reference) - logp;
    const at::Tensor objective_tokens =
        (logp - host(r.log_probs)).exp() * host(advantages) - 0.1 * (difference.exp() - difference - 1.0);
    loss = loss - objective_tokens.mean() / static_cast<double>(r.tokens.size());
  }
  CHECK(static_cast<float>(e.loss) == Approx(loss.item<float>()).epsilon(1e-5));
  torch::autograd::backward({loss}, {});
  for (const auto& [name, gradient] : gradients(p)) {
    INFO(name);
    CHECK(relative_difference(ours.at(name), gradient) <= 1e-5);
  }
}

namespace {
/// grpo that wants to see a micro-batch whole.
struct whole_grpo : grpo {
  static constexpr bool is_tokenwise = false;
};
}  // namespace

TEST_CASE("scoring and pulling back at once gives the step of one after the other", "[causal_lm]") {
  // A vocabulary of which 32 rows of logits are a block, so that a step has several.
  const auto wide = [] {
    return policy(
        qwen({.vocab_size = 1 << 17, .hidden_size = 8, .intermediate_size = 8, .initializer_range = 0.4},
             random_stream(4)),
        {.decode =
             [](token_ids tokens) {
               return text{std::move(tokens), {}};
             },
         .sampling = {.max_new_tokens = 9, .end_tokens = {}},
         .optimizer = {}});
  };
  const auto goal = [](const text&, const text& answer) { return static_cast<double>(answer.tokens[0] % 3); };
  const policy reference = wide();
  const auto run = [&](policy& p, auto objective) {
    objective.kl_coef = 0.3;
    objective.entropy_coef = 0.02;
    objective.clip_low = objective.clip_high = 1e-3;
    step_metrics last;
    for (const step_metrics& m :
         train(p, objective, goal, prompts,
               {.steps = 2, .group_size = 4, .inner_epochs = 2, .learning_rate = 1e-2}, &reference))
      last = m;
    return last;
  };
  policy at_once = wide(), apart = wide();
  const step_metrics a = run(at_once, grpo{}), b = run(apart, whole_grpo{});
  CHECK(a.loss == Approx(b.loss).epsilon(1e-5));
  CHECK(a.kl == Approx(b.kl).epsilon(1e-5));
  CHECK(a.entropy.value() == Approx(b.entropy.value()).epsilon(1e-5));
  CHECK(a.grad_norm == Approx(b.grad_norm).epsilon(1e-5));
  CHECK(a.clip_ratio_high == Approx(b.clip_ratio_high).epsilon(1e-5));
  for (const auto& [name, weight] : at_once.model().weights()) {
    INFO(name);
    CHECK(relative_difference(weight, apart.model().weights().at(name)) <= 1e-5);
  }
}

TEST_CASE("tokens that a loss mask leaves out are not scored", "[causal_lm]") {
  const policy p = make_policy(7);
  const std::vector<text> completions{{{4, 5, 6}, {1, 0, 1}}, {{7}, {}}};
  const auto r = p.given(std::span(prompts).first(2), completions);
  CHECK(r.mask.row(0).sum() == 2.0f);
  CHECK(p.log_probs(r, {0, 2})(0, 1) == 0.0f);
  CHECK_THROWS_WITH(p.given(std::span(prompts).first(1), {text{{4, 5, 6}, {1, 0}}}),
                    Catch::Contains("loss_mask of 2"));
  CHECK_THROWS_WITH(p.given(std::span(prompts).first(2), {text{{4}, {}}}),
                    Catch::Contains("2 prompts for 1 completions"));
}

TEST_CASE("a copy is a frozen reference, and a saved state goes on alike", "[causal_lm]") {
  policy p = make_policy(8);
  const policy reference = p;
  const auto r = p.sample(prompts, 3, random_stream(2));
  const auto train_once = [&](policy& q) {
    auto trace = q.trace(r, {0, r.rows()});
    trace.backward(random_slopes(r.rows(), r.mask.cols(), random_stream(30)));
    return q.step({.learning_rate = 0.01, .max_grad_norm = 1.0});
  };
  CHECK(train_once(p) > 0.0);
  CHECK((reference.log_probs(r, {0, r.rows()}) - r.log_probs).abs().maxCoeff() < 1e-5f);
  CHECK((p.log_probs(r, {0, r.rows()}) - r.log_probs).abs().maxCoeff() > 1e-3f);

  const auto folder = std::filesystem::temp_directory_path() / "recllm_causal_lm_test";
  p.save(folder);
  policy resumed = make_policy(99);
  resumed.load(folder);
  train_once(p);
  train_once(resumed);
  for (const auto& [name, weight] : p.model().weights())
    CHECK(at::equal(weight, resumed.model().weights().at(name)));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a gradient that is not finite stops the step before the weights change", "[causal_lm]") {
  policy p = make_policy(9);
  const auto r = p.sample(prompts, 2, random_stream(2));
  const qwen before = p.model();
  auto trace = p.trace(r, {0, r.rows()});
  token_matrix<float> slopes = random_slopes(r.rows(), r.mask.cols(), random_stream(3));
  slopes(0, 0) = std::numeric_limits<float>::quiet_NaN();
  trace.backward(slopes);
  CHECK_THROWS_AS(p.step({.learning_rate = 0.01}), non_finite_error);
  for (const auto& [name, weight] : before.weights()) {
    CHECK(at::equal(weight, p.model().weights().at(name)));
    CHECK_FALSE(p.model().weights().at(name).grad().defined());
  }
}

TEST_CASE("dropout acts on traces only, the same at the same step", "[causal_lm]") {
  policy p = make_policy(10);
  const auto r = p.sample(prompts, 2, random_stream(2));
  const auto traced = [&] { return p.trace(r, {0, r.rows()}).log_probs(); };
  const token_matrix<float> plain = traced();
  p.set_dropout(0.3);
  const token_matrix<float> dropped = traced();
  CHECK((dropped - plain).abs().maxCoeff() > 1e-3f);
  CHECK((dropped == traced()).all());
  CHECK((p.log_probs(r, {0, r.rows()}) == plain).all());
  auto trace = p.trace(r, {0, r.rows()});
  trace.backward(r.mask);
  p.step({.learning_rate = 1e-12});
  CHECK((dropped - traced()).abs().maxCoeff() > 1e-3f);
  CHECK_THROWS_WITH(p.set_dropout(1.0), Catch::Contains("dropout = 1"));
}

TEST_CASE("impossible settings are refused", "[causal_lm]") {
  CHECK_THROWS_WITH(make_policy(1, {.max_new_tokens = 1, .temperature = 0.0, .end_tokens = {}}),
                    Catch::Contains("temperature = 0"));
  const policy p = make_policy(1);
  CHECK_THROWS_WITH(p.sample(prompts, 0, random_stream(1)), Catch::Contains("group_size"));
  CHECK_THROWS_WITH(p.sample(std::vector<text>{{}}, 1, random_stream(1)),
                    Catch::Contains("at least one token"));
}

TEST_CASE("completions with prompts of their own are those of a shared prompt", "[causal_lm]") {
  const auto made = [](bool share_prompts) {
    return policy(
        qwen({.vocab_size = vocabulary, .hidden_size = 16, .intermediate_size = 24, .initializer_range = 0.4},
             random_stream(3)),
        {.decode =
             [](token_ids tokens) {
               return text{std::move(tokens), {}};
             },
         .allowed =
             [](const text& prompt, std::span<const std::int64_t> so_far) {
               return so_far.empty() ? prompt.tokens : token_ids{};
             },
         .sampling = {.max_new_tokens = 9, .end_tokens = {0}},
         .share_prompts = share_prompts});
  };
  policy shared = made(true), apart = made(false);
  const auto r = shared.sample(prompts, 4, random_stream(5)),
             same = apart.sample(prompts, 4, random_stream(5));
  CHECK(r.tokens == same.tokens);
  CHECK(r.prompt == same.prompt);
  CHECK((r.log_probs - same.log_probs).abs().maxCoeff() < 1e-5f);

  const row_block all{0, r.rows()};
  CHECK((shared.log_probs(r, all) - apart.log_probs(r, all)).abs().maxCoeff() < 1e-5f);
  const token_matrix<float> slopes = random_slopes(r.rows(), r.mask.cols(), random_stream(6));
  shared.trace(r, all).backward(slopes);
  apart.trace(r, all).backward(slopes);
  const tensor_map theirs = gradients(apart);
  for (const auto& [name, gradient] : gradients(shared)) {
    INFO(name);
    CHECK(relative_difference(gradient, theirs.at(name)) <= 1e-5);
  }
}
