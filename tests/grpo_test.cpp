// GRPO: equation 3.3 in probabilities, torch's numbers, finite differences, micro-batches, a bandit.
#include <limits>

#include <recllm/grpo.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

const std::vector<normalisation> averages{normalisation::per_sequence, normalisation::per_token,
                                          normalisation::constant_length(6)};

std::vector<grpo> variants() {
  std::vector<grpo> all;
  for (const normalisation average : averages)
    for (const kl_estimator k : {kl_estimator::k1, kl_estimator::k2, kl_estimator::k3}) {
      all.push_back({.kl_estimator = k, .average = average});
      all.push_back(
          {.clip_low = 0.2f, .clip_high = 0.28f, .kl_coef = 0.5, .kl_estimator = k, .average = average});
    }
  all.push_back({.kl_coef = 0});
  return all;
}

}  // namespace

TEST_CASE("grpo of two completions by hand") {
  const matrix mask = rows_of({{1, 1}, {1, 0}});
  const matrix policy = rows_of({{0.5, 0.25}, {0.2, 1}}).log(), old = rows_of({{0.4, 0.5}, {0.1, 1}}).log(),
               ref = rows_of({{0.25, 0.5}, {0.2, 1}}).log(), advantages = rows_of({{1, 1}, {-0.5, 0}});
  // ratios 1.25, 0.5, 2; k3 0.5 + log 2 - 1, 2 - log 2 - 1, 0: half of (1.75 - 0.04 / 2) / 2 - 1
  const evaluation<double> e =
      grpo{}(token_batch<double>{policy, old, ref, advantages, grpo{}.weights(mask)});
  CHECK(e.loss == Approx(0.0675).epsilon(1e-14));
  CHECK(relative_error(e.dloss_dlogp, rows_of({{-0.3075, -0.135}, {0.5, 0}})) < 1e-14);
  CHECK(e.tokens == 3.0);
  CHECK(e.kl == Approx(0.5));
  CHECK(e.ratio == Approx(3.75));
  CHECK(e.clipped_low + e.clipped_high == 0.0);
}

TEST_CASE("the default is the paper's equation 3.3, written in probabilities") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    const ragged_batch b = random_batch(seed);
    double objective = 0.0;
    for (Eigen::Index k = 0; k < b.mask.rows(); ++k) {
      const double length = b.mask.row(k).sum();
      for (Eigen::Index t = 0; t < b.mask.cols(); ++t) {
        if (b.mask(k, t) == 0.0) continue;
        const double pi = std::exp(b.log_probs(k, t)), pi_old = std::exp(b.old_log_probs(k, t)),
                     pi_ref = std::exp(b.ref_log_probs(k, t));
        objective +=
            (pi / pi_old * b.advantages(k, t) - 0.04 * (pi_ref / pi - std::log(pi_ref / pi) - 1.0)) / length;
      }
    }
    objective /= static_cast<double>(b.mask.rows());
    CHECK(grpo{}(b.at(b.log_probs, grpo{}.weights(b.mask))).loss == Approx(-objective).epsilon(1e-12));
  }
}

TEST_CASE("clipped grpo equals torch 2.13 (min, clamp, autograd) in double") {
  const matrix mask = rows_of({{1, 1, 1}, {1, 1, 0}}),
               log_probs = rows_of({{-1.0, -0.5, -2.0}, {-0.7, -1.5, 0.0}}),
               old = rows_of({{-1.4, -0.4, -1.9}, {-0.3, -1.6, 0.0}}),
               ref = rows_of({{-0.8, -0.9, -2.5}, {-0.7, -1.2, 0.0}}),
               advantages = rows_of({{0.8, 0.8, 0.8}, {-0.6, -0.6, 0.0}});
  const auto evaluate = [&](normalisation average) {
    const grpo o{.clip_low = 0.2, .clip_high = 0.28, .average = average};
    return o(token_batch<double>{log_probs, old, ref, advantages, o.weights(mask)});
  };
  const evaluation<double> by_sequence = evaluate(normalisation::per_sequence);
  CHECK(by_sequence.loss == Approx(-0.1243607292630924).epsilon(1e-13));
  CHECK(relative_error(by_sequence.dloss_dlogp,
                       rows_of({{-0.001476018387734465, -0.1184471227116989, -0.1180218601362121},
                                {0, 0.1622770496355871, 0}})) < 1e-13);
  CHECK(by_sequence.clipped_high == 1.0);
  CHECK(by_sequence.clipped_low == 1.0);
  const evaluation<double> by_token = evaluate(normalisation::per_token);
  CHECK(by_token.loss == Approx(-0.2637425654305538).epsilon(1e-13));
  CHECK(relative_error(by_token.dloss_dlogp,
                       rows_of({{-0.00177122206528136, -0.1421365472540387, -0.1416262321634546},
                                {0, 0.1298216397084697, 0}})) < 1e-13);
  CHECK(evaluate(normalisation::constant_length(4)).loss == Approx(-0.1648391033940961).epsilon(1e-13));
}

TEST_CASE("grpo's slope equals finite differences for each normalisation, divergence and clip") {
  for (const grpo& o : variants()) check_gradient(o);
}

TEST_CASE("grpo does not depend on micro-batches") {
  for (const grpo& o : variants()) {
    check_splits<double>(o, {1, 5, 7, 12}, 1e-13);
    check_splits<float>(o, {1, 5, 7, 12}, 1e-6);
  }
}

TEST_CASE("float and double agree") {
  const ragged_batch b = random_batch(2);
  const token_matrix<float> policy = b.log_probs.cast<float>(), old = b.old_log_probs.cast<float>(),
                            ref = b.ref_log_probs.cast<float>(), advantages = b.advantages.cast<float>(),
                            weights = grpo{}.weights(token_matrix<float>(b.mask.cast<float>()));
  const evaluation<double> exact = grpo{}(b.at(b.log_probs, grpo{}.weights(b.mask)));
  const evaluation<float> single = grpo{}(token_batch<float>{policy, old, ref, advantages, weights});
  CHECK(single.loss == Approx(exact.loss).epsilon(1e-5));
  CHECK(relative_error(single.dloss_dlogp.cast<double>(), exact.dloss_dlogp) < 1e-6);
}

TEST_CASE("without a divergence grpo needs no reference, and what stands for one changes nothing") {
  const ragged_batch b = random_batch(3);
  const grpo o{.kl_coef = 0};
  const matrix weights = o.weights(b.mask), none(0, 0), far = matrix::Constant(13, 9, -1e308);
  CHECK_FALSE(o.needs_reference());
  CHECK(grpo{}.needs_reference());
  const auto with = [&](const matrix& ref) {
    return o(token_batch<double>{b.log_probs, b.old_log_probs, ref, b.advantages, weights});
  };
  CHECK(with(none).loss == with(b.ref_log_probs).loss);
  CHECK((with(-far).dloss_dlogp == with(none).dloss_dlogp).all());
  CHECK(with(none).kl == 0.0);
  CHECK(with(b.ref_log_probs).kl > 0.0);
}

TEST_CASE("garbage in padding changes nothing; NaN in a token shows") {
  const ragged_batch b = random_batch(6);
  const matrix weights = grpo{}.weights(b.mask);
  const evaluation<double> clean = grpo{}(b.at(b.log_probs, weights));
  matrix dirty = b.log_probs;
  dirty(2, 0) = -std::numeric_limits<double>::infinity();
  dirty(1, 5) = std::numeric_limits<double>::quiet_NaN();
  const evaluation<double> e = grpo{}(b.at(dirty, weights));
  CHECK(e.loss == clean.loss);
  CHECK((e.dloss_dlogp == clean.dloss_dlogp).all());
  CHECK(e.kl == clean.kl);
  dirty(0, 0) = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(grpo{}(b.at(dirty, weights)).loss));
  CHECK(std::isnan(grpo{.clip_low = 0.2, .clip_high = 0.2}(b.at(dirty, weights)).loss));
}

TEST_CASE("grpo's advantages are group-relative by its settings") {
  const row_values<double> rewards = rows_of({{1}, {2}, {3}, {7}}).col(0);
  const std::vector<std::size_t> groups{0, 0, 0, 5};
  const token_matrix<float> mask = rows_of({{1, 0}, {1, 1}, {1, 1}, {1, 1}}).cast<float>();
  const scored_step step{.rewards = rewards, .groups = groups, .mask = mask};
  CHECK(grpo{}.advantages(step)(2, 1) == Approx(1.0 / 1.0001));
  CHECK(grpo{}.advantages(step)(0, 1) == 0.0);
  CHECK(grpo{.epsilon = 1.0}.advantages(step)(2, 0) == Approx(0.5));
  CHECK(grpo{.scale = advantage_scale::none}.advantages(step)(0, 0) == -1.0);
  CHECK(grpo{.epsilon = 0.0, .divisor = deviation::population}.advantages(step)(0, 0) ==
        Approx(-std::sqrt(1.5)));
  CHECK(grpo{}.advantages(step)(3, 0) == 0.0);
  CHECK(grpo{.lone = lone_completion::keeps_reward}.advantages(step)(3, 0) == 7.0);
  CHECK(grpo{.advantage = advantage::leave_one_out}.advantages(step)(0, 0) == -1.5);
}

TEST_CASE("an empty micro-batch and a step without tokens give 0") {
  const matrix empty(0, 4), zero = matrix::Zero(2, 3);
  CHECK(grpo{}(token_batch<double>{empty, empty, empty, empty, grpo{}.weights(empty)}).loss == 0.0);
  const evaluation<double> e = grpo{}(token_batch<double>{zero, zero, zero, zero, grpo{}.weights(zero)});
  CHECK(e.loss == 0.0);
  CHECK((e.dloss_dlogp == 0.0).all());
  CHECK(e.tokens == 0.0);
}

TEST_CASE("grpo refuses a negative kl_coef") {
  const matrix one = matrix::Ones(1, 1);
  const token_batch<double> b{one, one, one, one, one};
  CHECK_THROWS_WITH(grpo{.kl_coef = -0.1}(b), "recllm: policy_loss: kl_coef must be 0 or more, but is -0.1");
  CHECK_THROWS_WITH(grpo{.kl_coef = std::nan("")}(b), Catch::Matchers::Contains("kl_coef must be 0 or more"));
}

TEST_CASE("grpo finds the best arm of a bandit from three seeds") {
  const row_values<double> payoff = rows_of({{0.1}, {0.3}, {1.0}, {0.2}, {0.0}}).col(0);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    INFO("seed " << seed);
    const grpo o{.clip_low = 0.2, .clip_high = 0.2, .kl_coef = 0.01};
    row_values<double> logits = row_values<double>::Zero(5);
    const std::vector<std::size_t> one_group(16, 0);
    const matrix mask = matrix::Ones(16, 1), ref = matrix::Constant(16, 1, std::log(0.2)),
                 weights = o.weights(mask);
    for (std::uint64_t step = 0; step < 200; ++step) {
      random_stream rng = random_stream(seed).split(step);
      const auto probabilities = [&]() -> row_values<double> { return logits.exp() / logits.exp().sum(); };
      const row_values<double> old = probabilities();
      std::vector<Eigen::Index> arms;
      for (int draw = 0; draw < 16; ++draw) {
        double left = rng.uniform();
        Eigen::Index arm = 0;
        while (arm < 4 && left >= old(arm)) left -= old(arm++);
        arms.push_back(arm);
      }
      const row_values<double> rewards = payoff(arms);
      const matrix old_log_probs = old(arms).log(),
                   advantages =
                       o.advantages({.rewards = rewards, .groups = one_group, .mask = mask.cast<float>()});
      for (int epoch = 0; epoch < 2; ++epoch) {
        const row_values<double> now = probabilities();
        const matrix log_probs = now(arms).log();
        const matrix slope =
            o(token_batch<double>{log_probs, old_log_probs, ref, advantages, weights}).dloss_dlogp;
        for (Eigen::Index i = 0; i < 16; ++i) {
          logits += 0.5 * slope(i, 0) * now;  // d log p(a) / d logits = onehot(a) - p
          logits(arms[static_cast<std::size_t>(i)]) -= 0.5 * slope(i, 0);
        }
      }
    }
    CHECK(logits.exp()(2) / logits.exp().sum() > 0.95);
  }
}
