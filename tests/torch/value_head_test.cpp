// The critic over a language model: values are the head's of the state before each token, gradients are
// autograd's, and PPO learns with it.
#include <recllm/torch/value_head.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <recllm/ppo.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

struct text {
  token_ids tokens;
};

using policy = causal_lm<text, text>;
using matrix = token_matrix<float>;

constexpr std::int64_t vocabulary = 13;
constexpr std::int64_t wanted = 3;

qwen make_model(std::uint64_t seed, double initializer_range = 0.4) {
  return qwen({.vocab_size = vocabulary,
               .hidden_size = 16,
               .intermediate_size = 24,
               .initializer_range = initializer_range},
              random_stream(seed));
}

policy make_policy(std::uint64_t seed,
                   generation_options sampling = {.max_new_tokens = 6, .end_tokens = {0}}) {
  return policy(make_model(seed), {.decode = [](token_ids tokens) { return text{std::move(tokens)}; },
                                   .sampling = sampling,
                                   .optimizer = {}});
}

value_head make_critic(std::uint64_t seed, bool freeze = false) {
  return value_head(make_model(seed), {.freeze_backbone = freeze, .initializer_range = 0.3, .seed = seed});
}

const std::vector<text> prompts{{{3, 7, 1}}, {{5}}, {{2, 2, 9, 11, 4, 6}}};

matrix random_values(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
  random_stream rng(seed);
  matrix values(rows, columns);
  for (Eigen::Index i = 0; i < values.size(); ++i) values.data()[i] = static_cast<float>(rng.normal());
  return values;
}

/// Rollouts of every prompt with something masked in the middle, and what a value loss is told of them.
struct task {
  policy::rollouts_type r;
  matrix old_values, returns, weights;
  std::optional<double> clip = 0.8;

  explicit task(std::uint64_t seed) : r(make_policy(seed).sample(prompts, 4, random_stream(seed))) {
    r.mask(1, 0) = 0.0f;
    if (r.tokens[5].size() > 2) r.mask(5, 1) = 0.0f;
    old_values = 0.5f * random_values(r.rows(), r.mask.cols(), seed + 1) * r.mask;
    returns = random_values(r.rows(), r.mask.cols(), seed + 2) * r.mask;
    weights = token_weights(r.mask, normalisation::per_token);
  }

  [[nodiscard]] value_evaluation<float> loss(const matrix& values, row_block rows) const {
    return value_loss(value_batch<float>{values, old_values.middleRows(rows.first, rows.count),
                                         returns.middleRows(rows.first, rows.count),
                                         weights.middleRows(rows.first, rows.count)},
                      clip);
  }

  [[nodiscard]] row_block all() const { return {0, r.rows()}; }
};

tensor_map weights_of(const value_head& critic) {
  tensor_map all = critic.head();
  all.insert(critic.backbone().weights().begin(), critic.backbone().weights().end());
  return all;
}

/// Adds the loss's gradient, block by block.
void pull_back(const value_head& critic, const task& t, const std::vector<row_block>& blocks) {
  for (const row_block rows : blocks) {
    value_trace trace = critic.trace_values(t.r, rows);
    trace.backward(t.loss(trace.values(), rows).dloss_dvalues);
  }
}

tensor_map take_gradients(const value_head& critic) {
  tensor_map all;
  for (const auto& [name, weight] : weights_of(critic)) {
    if (weight.grad().defined()) all[name] = weight.grad().clone();
    weight.mutable_grad() = at::Tensor();
  }
  return all;
}

tensor_map gradients(const value_head& critic, const task& t, const std::vector<row_block>& blocks) {
  pull_back(critic, t, blocks);
  return take_gradients(critic);
}

void check_close(const tensor_map& a, const tensor_map& b, float tolerance) {
  REQUIRE(a.size() == b.size());
  for (const auto& [name, tensor] : a) {
    INFO(name);
    CHECK((tensor - b.at(name)).norm().item<float>() <= tolerance * (1e-2f + tensor.norm().item<float>()));
  }
}

void check_same_bits(const value_head& a, const value_head& b) {
  const tensor_map others = weights_of(b);
  for (const auto& [name, weight] : weights_of(a)) {
    INFO(name);
    CHECK(at::equal(weight, others.at(name)));
  }
}

void train_once(value_head& critic, const task& t) {
  pull_back(critic, t, {t.all()});
  critic.step({.learning_rate = 0.01, .max_grad_norm = 1.0});
}

}  // namespace

static_assert(Critic<value_head, rollouts_of<policy>>);
static_assert(ValueTrace<value_trace>);

TEST_CASE("values start at 0, or where the seed says", "[value_head]") {
  const task t(1);
  CHECK((value_head(make_model(2)).values(t.r, t.all()) == 0.0f).all());
  const matrix drawn = make_critic(2).values(t.r, t.all());
  CHECK(drawn.abs().maxCoeff() > 0.1f);
  CHECK((drawn == make_critic(2).values(t.r, t.all())).all());
  value_head other(make_model(2), {.initializer_range = 0.3, .seed = 3});
  CHECK((drawn != other.values(t.r, t.all())).any());

  const value_head wide(qwen({.vocab_size = 5,
                              .hidden_size = 4096,
                              .intermediate_size = 8,
                              .num_hidden_layers = 1,
                              .num_attention_heads = 1,
                              .num_key_value_heads = 1,
                              .head_dim = 2},
                             random_stream(1)),
                        {.initializer_range = 0.2});
  CHECK(wide.head().at("score.weight").std().item<double>() == Approx(0.2).epsilon(0.05));
  CHECK(wide.head().at("score.bias").item<float>() == 0.0f);
}

TEST_CASE("values and gradients are those of the written formula, one completion at a time", "[value_head]") {
  const value_head critic = make_critic(3);
  const task t(4);
  value_trace trace = critic.trace_values(t.r, t.all());
  CHECK((trace.values() == critic.values(t.r, t.all())).all());
  const value_evaluation<float> e = t.loss(trace.values(), t.all());
  CHECK(e.clipped > 0.0);
  trace.backward(e.dloss_dvalues);
  const tensor_map ours = take_gradients(critic);

  at::Tensor loss = at::zeros({});
  for (std::size_t row = 0; row < t.r.tokens.size(); ++row) {
    token_ids sequence = t.r.prompt_tokens[t.r.prompt[row]];
    const std::int64_t before = static_cast<std::int64_t>(sequence.size()) - 1;
    const std::int64_t length = static_cast<std::int64_t>(t.r.tokens[row].size());
    sequence.insert(sequence.end(), t.r.tokens[row].begin(), t.r.tokens[row].end());
    const std::vector<prompt_group> one{{sequence, {}}};
    const at::Tensor hidden = critic.backbone().hidden(pack(one, at::kCPU)).narrow(0, before, length);
    const at::Tensor value =
        (hidden * critic.head().at("score.weight")).sum(1) + critic.head().at("score.bias");
    const auto host = [&](const matrix& m) {
      const float* first = m.row(static_cast<Eigen::Index>(row)).data();
      return torch::tensor(std::vector<float>(first, first + length));
    };
    CHECK(at::allclose(value * host(t.r.mask), host(trace.values()), 1e-4, 1e-5));
    const at::Tensor old = host(t.old_values), returns = host(t.returns);
    const at::Tensor clipped = old + (value - old).clamp(-0.8, 0.8);
    loss = loss +
           (0.5 * host(t.weights) * (value - returns).square().maximum((clipped - returns).square())).sum();
  }
  CHECK(e.loss == Approx(loss.item<double>()).epsilon(1e-5));
  torch::autograd::backward({loss}, {});
  check_close(take_gradients(critic), ours, 1e-4f);
}

TEST_CASE("the gradient is the finite difference along random directions", "[value_head]") {
  const value_head critic = make_critic(5);
  task t(6);
  t.clip.reset();  // a difference may step over its kinks
  const tensor_map slopes = gradients(critic, t, {t.all()});
  const at::NoGradGuard no_grad;
  std::uint64_t seed = 0;
  for (const auto& [name, slope] : slopes) {
    INFO(name << ", direction of seed " << seed);
    random_stream rng(seed++);
    at::Tensor direction = at::empty_like(slope);
    for (std::int64_t i = 0; i < direction.numel(); ++i)
      direction.data_ptr<float>()[i] = static_cast<float>(rng.normal());
    direction = slope / (1e-6 + slope.norm()) + 0.5 * direction / direction.norm();
    const at::Tensor weight = weights_of(critic).at(name), kept = weight.clone();
    const auto loss_at = [&](double h) {
      weight.copy_(kept + h * direction);
      return t.loss(critic.values(t.r, t.all()), t.all()).loss;
    };
    const double h = 4e-3, difference = (loss_at(h) - loss_at(-h)) / (2.0 * h);
    weight.copy_(kept);
    const double expected = (slope * direction).sum().item<double>();
    CHECK(difference == Approx(expected).epsilon(0.005).margin(2e-4));
  }
}

TEST_CASE("the split into micro-batches changes neither values nor gradients", "[value_head]") {
  const value_head critic = make_critic(7);
  const task t(8);
  const matrix whole = critic.values(t.r, t.all());
  const tensor_map expected = gradients(critic, t, {t.all()});
  for (const Eigen::Index rows : {1, 3, 5}) {
    std::vector<row_block> blocks;
    for (Eigen::Index first = 0; first < t.r.rows(); first += rows)
      blocks.push_back({first, std::min(rows, t.r.rows() - first)});
    for (const row_block block : blocks)
      CHECK((critic.values(t.r, block) - whole.middleRows(block.first, block.count)).abs().maxCoeff() <
            1e-5f);
    check_close(gradients(critic, t, blocks), expected, 1e-4f);
  }
}

TEST_CASE("where the mask is 0 there is no value and no slope is read", "[value_head]") {
  const value_head critic = make_critic(9);
  task t(10);
  value_trace trace = critic.trace_values(t.r, t.all());
  CHECK((trace.values() * (1.0f - t.r.mask) == 0.0f).all());
  CHECK(((trace.values() != 0.0f) == (t.r.mask != 0.0f)).all());
  matrix slopes = t.loss(trace.values(), t.all()).dloss_dvalues;
  const tensor_map expected = gradients(critic, t, {t.all()});
  slopes = (t.r.mask == 0.0f).select(std::numeric_limits<float>::quiet_NaN(), slopes);
  trace.backward(slopes);
  const tensor_map same = take_gradients(critic);
  for (const auto& [name, gradient] : same) CHECK(at::equal(gradient, expected.at(name)));

  // A block that the mask leaves out, or without rows, has nothing to add.
  t.r.mask.topRows(4).setZero();
  for (const row_block rows : {row_block{0, 4}, row_block{0, 1}, row_block{2, 0}}) {
    value_trace none = critic.trace_values(t.r, rows);
    CHECK(none.values().rows() == rows.count);
    CHECK(none.values().cols() == t.r.mask.cols());
    CHECK((none.values() == 0.0f).all());
    none.backward(matrix::Ones(rows.count, t.r.mask.cols()));
    CHECK(take_gradients(critic).empty());
  }
}

TEST_CASE("a frozen model stays as it is while its head learns", "[value_head]") {
  value_head frozen = make_critic(11, true);
  const value_head before = frozen, whole = make_critic(11);
  const task t(12);
  CHECK((frozen.values(t.r, t.all()) == whole.values(t.r, t.all())).all());
  const tensor_map slopes = gradients(frozen, t, {t.all()}), all = gradients(whole, t, {t.all()});
  REQUIRE(slopes.size() == 2);
  for (const auto& [name, slope] : slopes) CHECK(at::equal(slope, all.at(name)));
  CHECK(all.size() > 2);

  const double start = t.loss(frozen.values(t.r, t.all()), t.all()).loss;
  for (int step = 0; step < 20; ++step) train_once(frozen, t);
  CHECK(t.loss(frozen.values(t.r, t.all()), t.all()).loss < start);
  for (const auto& [name, weight] : before.backbone().weights())
    CHECK(at::equal(weight, frozen.backbone().weights().at(name)));
}

TEST_CASE("training is the same bits again, and a copy is not touched by it", "[value_head]") {
  value_head one = make_critic(13), two = make_critic(13);
  const value_head untouched = one;
  const task t(14);
  for (int step = 0; step < 3; ++step) {
    train_once(one, t);
    train_once(two, t);
  }
  check_same_bits(one, two);
  check_same_bits(untouched, make_critic(13));
  value_head copy = one;
  train_once(copy, t);
  train_once(one, t);
  check_same_bits(one, copy);  // the optimizer's state was copied too
}

TEST_CASE("a gradient is forgotten on demand, and one that is not finite stops the step", "[value_head]") {
  value_head critic = make_critic(15);
  const value_head before = critic;
  const task t(16);
  pull_back(critic, t, {t.all()});
  critic.clear_gradient();
  CHECK(take_gradients(critic).empty());
  matrix slopes = matrix::Ones(t.r.rows(), t.r.mask.cols());
  slopes(0, 0) = std::numeric_limits<float>::infinity();
  critic.trace_values(t.r, t.all()).backward(slopes);
  CHECK_THROWS_AS(critic.step({.learning_rate = 0.01}), non_finite_error);
  CHECK(take_gradients(critic).empty());
  check_same_bits(critic, before);
}

TEST_CASE("a saved critic goes on as if never interrupted", "[value_head]") {
  const bool freeze = GENERATE(false, true);
  const task t(17);
  value_head critic = make_critic(18, freeze);
  for (int step = 0; step < 2; ++step) train_once(critic, t);
  const temporary_folder folder;
  critic.save(folder.path);
  value_head resumed = make_critic(99, freeze);
  resumed.load(folder.path);
  check_same_bits(critic, resumed);
  for (int step = 0; step < 2; ++step) {
    train_once(critic, t);
    train_once(resumed, t);
  }
  check_same_bits(critic, resumed);

  const tensor_map head = read_safetensors(folder.path / "value_head.safetensors");
  REQUIRE(head.size() == 2);
  CHECK(head.at("score.weight").sizes() == at::IntArrayRef({1, 16}));
  CHECK(head.at("score.bias").sizes() == at::IntArrayRef({1}));
}

TEST_CASE("a reward model's head is taken up, its bias 0 where it has none", "[value_head]") {
  const temporary_folder folder;
  const auto file = folder.path / "model.safetensors";
  value_head critic = make_critic(19);
  const at::Tensor weight = at::arange(16, at::kFloat).unsqueeze(0);
  write_safetensors(file, {{"score.weight", weight.to(at::kBFloat16)}, {"other", weight}});
  critic.load_head(file);
  CHECK(at::equal(critic.head().at("score.weight"), weight));
  CHECK(critic.head().at("score.bias").item<float>() == 0.0f);
  write_safetensors(file, {{"score.weight", 2 * weight}, {"score.bias", at::ones({1})}});
  critic.load_head(file);
  CHECK(at::equal(critic.head().at("score.weight"), 2 * weight));
  CHECK(critic.head().at("score.bias").item<float>() == 1.0f);
  train_once(critic, task(20));  // still leaves that learn
  CHECK_FALSE(at::equal(critic.head().at("score.weight"), 2 * weight));
}

TEST_CASE("what cannot be is refused in a sentence", "[value_head]") {
  for (const double deviation : {-0.1, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_WITH(value_head(make_model(1), {.initializer_range = deviation}),
                      Catch::Contains("recllm: value_head: initializer_range = "));

  value_head critic = make_critic(21);
  task t(22);
  value_trace trace = critic.trace_values(t.r, t.all());
  CHECK_THROWS_WITH(trace.backward(matrix::Zero(2, 1)), Catch::Contains("got 2 x 1 slopes for 12 x"));
  trace.backward(t.r.mask);
  CHECK_THROWS_WITH(trace.backward(t.r.mask), Catch::Contains("called twice"));
  critic.clear_gradient();
  t.r.prompt_tokens[0][0] = 31;
  CHECK_THROWS_WITH(critic.values(t.r, t.all()),
                    Catch::Contains("token 31 is outside the critic's vocabulary of 13"));

  const temporary_folder folder;
  const auto file = folder.path / "value_head.safetensors";
  const value_head before = critic;
  const auto refuses = [&](const tensor_map& stored, const char* reason) {
    write_safetensors(file, stored);
    CHECK_THROWS_WITH(critic.load(folder.path), Catch::Contains(reason));
    CHECK_THROWS_WITH(critic.load_head(file), Catch::Contains(reason));
    check_same_bits(critic, before);
  };
  make_critic(23).save(folder.path);
  refuses({{"v_head.weight", at::ones({1, 16})}}, "tensor 'score.weight' is missing");
  refuses({{"score.weight", at::ones({2, 16})}}, "'score.weight' has shape [2, 16], expected [1, 16]");
  refuses({{"score.weight", at::full({1, 16}, std::numeric_limits<float>::infinity())}}, "not finite");
  std::filesystem::remove(file);
  CHECK_THROWS_WITH(critic.load(folder.path), Catch::Contains("cannot open"));
  make_critic(23).save(folder.path);
  std::filesystem::remove(folder.path / "optimizer.safetensors");
  CHECK_THROWS_WITH(critic.load(folder.path), Catch::Contains("cannot open"));
  check_same_bits(critic, before);
}

TEST_CASE("the critic of a fixed policy learns its expected reward", "[value_head]") {
  // Reward 1 where the first of two tokens is small: the value before it is that probability, after it 0
  // or 1.
  const policy p = make_policy(24, {.max_new_tokens = 2, .end_tokens = {}});
  const auto r = p.sample(prompts, 200, random_stream(25));
  matrix returns(r.rows(), 2);
  for (Eigen::Index row = 0; row < r.rows(); ++row)
    returns.row(row).setConstant(r.tokens[static_cast<std::size_t>(row)][0] < 5 ? 1.0f : 0.0f);
  value_head critic(p.model());
  for (int step = 0; step < 60; ++step) {
    value_trace trace = critic.trace_values(r, {0, r.rows()});
    const value_evaluation<float> e = value_loss(value_batch<float>{
        trace.values(), trace.values(), returns, token_weights(r.mask, normalisation::per_token)});
    trace.backward(e.dloss_dvalues);
    critic.step({.learning_rate = 0.02});
  }
  const matrix values = critic.values(r, {0, r.rows()});
  for (Eigen::Index prompt = 0; prompt < 3; ++prompt) {
    const std::vector<token_ids> context{prompts[static_cast<std::size_t>(prompt)].tokens};
    const double exact = next_token_log_probs(p.model(), context).exp().narrow(1, 0, 5).sum().item<double>();
    INFO("prompt " << prompt << ": " << exact);
    // Four deviations of the mean of 200 draws, and what training leaves.
    const double margin = 4.0 * std::sqrt(exact * (1.0 - exact) / 200.0) + 0.03;
    CHECK(values(prompt * 200, 0) == Approx(exact).margin(margin));
  }
  CHECK((values.col(1) - returns.col(1)).abs().mean() < 0.05f);
}

namespace {

const auto likes_wanted = [](const text&, const text& completion) {
  double share = 0.0;
  for (const std::int64_t token : completion.tokens) share += token == wanted ? 1.0 : 0.0;
  return 1.0 + share / static_cast<double>(completion.tokens.size());
};

}  // namespace

TEST_CASE("PPO raises the reward and lowers the critic's loss", "[value_head]") {
  const bool freeze = GENERATE(false, true);
  policy p = make_policy(26, {.max_new_tokens = 4, .end_tokens = {}});
  value_head critic(p.model(), {.freeze_backbone = freeze});
  step_metrics first, last;
  for (const step_metrics& m : train_ppo(p, critic, ppo{.kl_coef = 0.0}, likes_wanted, prompts,
                                         {.steps = 40,
                                         .group_size = 8,
                                         .inner_epochs = 2,
                                         .mini_batches = 2,
                                         .micro_rows = 8,
                                         .learning_rate = 0.01,
                                         .critic_learning_rate = freeze ? 0.05 : 0.01})) {
    if (m.step == 0) first = m;
    last = m;
  }
  INFO("freeze " << freeze << ": reward " << first.reward << " to " << last.reward << ", value loss "
                 << *first.value_loss << " to " << *last.value_loss);
  CHECK(first.reward < 1.4);
  CHECK(last.reward > 1.75);
  CHECK(*last.value_loss < 0.1 * *first.value_loss);
  const auto r = p.sample(prompts, 8, random_stream(27));
  CHECK(critic.values(r, {0, r.rows()}).mean() == Approx(last.reward).margin(0.2));
}

TEST_CASE("a PPO run taken up from disk is the uninterrupted one, bit for bit", "[value_head]") {
  const auto run = [](policy& p, value_head& critic, std::ptrdiff_t from, std::ptrdiff_t to) {
    for (const step_metrics& m : train_ppo(
             p, critic, ppo{.kl_coef = 0.0}, likes_wanted, prompts,
             {.steps = to, .first_step = from, .group_size = 4, .inner_epochs = 2, .learning_rate = 0.01}))
      CHECK(m.value_loss.has_value());
  };
  policy p = make_policy(28), q = make_policy(98);
  value_head critic(p.model()), resumed(q.model());
  const temporary_folder folder;
  run(p, critic, 0, 2);
  p.save(folder.path / "policy");
  critic.save(folder.path / "critic");
  run(p, critic, 2, 4);
  q.load(folder.path / "policy");
  resumed.load(folder.path / "critic");
  run(q, resumed, 2, 4);
  check_same_bits(critic, resumed);
  for (const auto& [name, weight] : p.model().weights())
    CHECK(at::equal(weight, q.model().weights().at(name)));
}
