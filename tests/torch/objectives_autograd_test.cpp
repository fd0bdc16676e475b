// Every objective's loss and slope against the papers' equations in tensors, differentiated by libtorch.
#include <recllm/cispo.hpp>
#include <recllm/dpo.hpp>
#include <recllm/grpo.hpp>
#include <recllm/gspo.hpp>
#include <recllm/kto.hpp>
#include <recllm/ppo.hpp>
#include <recllm/reinforce.hpp>
#include <recllm/sapo.hpp>
#include <recllm/sft.hpp>
#include <recllm/torch/torch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <source_location>
#include <tuple>
#include <vector>

#include "support/catch.hpp"

using namespace recllm;

namespace {

using tensor = at::Tensor;
using matrix = token_matrix<double>;
using caller = std::source_location;

const double infinity = std::numeric_limits<double>::infinity();
const double tolerance = 1e-9;  // of double rounding; a wrong term is above 1e-6
const matrix none(0, 0);

// A step as objectives get it: NaN at every token that does not count. Leaves: log_probs, entropies, values.
struct drawn_step {
  std::uint64_t seed;
  tensor mask, log_probs, old_log_probs, ref_log_probs, advantages, importance, entropies, values, old_values,
      returns;

  // 0 at tokens that do not count
  [[nodiscard]] tensor counted(const tensor& x) const { return at::where(mask != 0.0, x, 0.0); }
};

// 12 x 9, 12 x 33 or 12 x 1. Masks have holes; rows 3, 4, 5, 8 and 11 do not count at all, in step 0 no row.
// Two in ten log-ratios are 0, +-5 or +-30.
drawn_step draw(std::uint64_t seed) {
  at::manual_seed(seed);
  const std::int64_t rows = 12, columns = std::array<std::int64_t, 3>{9, 33, 1}[seed / 4];
  const double extreme = std::array<double, 4>{0.0, 5.0, 30.0, 5.0}[seed % 4];
  const auto uniform = [&] { return at::rand({rows, columns}, at::kDouble); };
  const auto normal = [&] { return at::randn({rows, columns}, at::kDouble); };
  const auto log_ratio = [&] {
    return at::where(uniform() < 0.2, extreme * normal().sign(), 0.3 * normal());
  };

  tensor mask = (at::arange(columns) < at::randint(1, columns + 1, {rows, 1})).logical_and(uniform() < 0.8);
  mask.select(0, 0).fill_(true);
  for (const std::int64_t row : {3, 4, 5, 8, 11}) mask.select(0, row).fill_(false);
  if (seed == 0) mask.fill_(false);
  const auto hidden = [&](const tensor& x) {
    return at::where(mask, x, std::numeric_limits<double>::quiet_NaN());
  };
  const tensor to_old = log_ratio(), values = normal();
  const tensor log_probs = -0.01 - 2.0 * normal().abs() + to_old.clamp_max(0.0);
  return {seed,
          mask.to(at::kDouble),
          hidden(log_probs).requires_grad_(),
          hidden(log_probs - to_old),
          hidden(log_probs - log_ratio()),
          hidden(normal() * (uniform() < 0.9)),
          hidden(2.0 * uniform()),
          hidden(3.0 * uniform()).requires_grad_(),
          hidden(values).requires_grad_(),
          hidden(values + normal()),
          hidden(values + normal())};
}

void for_each_step(const caller& from, const std::function<void(const drawn_step&)>& f) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    INFO("line " << from.line() << ", seed " << seed);
    f(draw(seed));
  }
}

matrix to_eigen(const tensor& x) {
  const tensor rows = x.detach().contiguous();
  return Eigen::Map<const matrix>(rows.const_data_ptr<double>(), rows.size(0), rows.size(1));
}

tensor to_tensor(const matrix& x) {
  const tensor rows = at::empty({x.rows(), x.cols()}, at::kDouble);
  std::copy_n(x.data(), x.size(), rows.mutable_data_ptr<double>());
  return rows;
}

// Largest error of an entry, relative to that entry, or to 1e-6 if it is smaller. NaN where one is.
double error_of(const tensor& got, const tensor& expected) {
  return ((got - expected).abs() / (expected.detach().abs() + 1e-6)).max().item<double>();
}

void check_slope(const matrix& slope, const tensor& leaf) {
  const tensor got = to_tensor(slope);
  CHECK(error_of(got, leaf.grad()) < tolerance);
  CHECK((got.masked_select(leaf.detach().isnan()) == 0.0).all().item<bool>());
}

void check_loss_and_slope(double loss, const matrix& slope, const tensor& expected, const tensor& leaf) {
  expected.backward();
  CHECK(error_of(at::scalar_tensor(loss, at::kDouble), expected) < tolerance);
  check_slope(slope, leaf);
}

tensor stop(const tensor& x) { return x.detach(); }

// What the equations of policy objectives read, B x T.
struct tokens {
  tensor mask, log_prob, log_ratio, apart, A;  // log_ratio: to the old policy, apart: to the reference
  tensor ratio = log_ratio.exp();
};
using T = const tokens&;  // short, so that an equation is a line
using equation = std::function<tensor(T)>;
using averaging = std::function<tensor(const tensor&)>;  // a mask's weights

const averaging sequences = [](const tensor& m) { return m / m.sum(1, true).clamp_min(1.0) / m.size(0); };
const averaging all_tokens = [](const tensor& m) { return m / m.sum().clamp_min(1.0); };
const averaging sequence_sums = [](const tensor& m) { return m / m.size(0); };
const equation k3 = [](T x) { return exp(-x.apart) + x.apart - 1.0; };

struct added {
  averaging average = sequences, entropy_average = sequences;
  equation kl = k3;
};

// loss = sum of w (i surrogate + kl_coef kl) - entropy_coef sum of u H;  importance i = 1 for even seeds
template <class O>
void check(const O& o, const equation& surrogate, const added& a = {},
           const caller& from = caller::current()) {
  double kl_coef = o.kl_coef;
  if constexpr (std::same_as<O, ppo>) kl_coef = o.kl_in == kl_place::loss ? o.kl_coef : 0.0;
  for_each_step(from, [&](const drawn_step& s) {
    const bool odd = s.seed % 2 == 1;
    const matrix mask = to_eigen(s.mask), weights = o.weights(mask), u = o.entropy_weights(mask);
    const evaluation<double> e = o(token_batch<double>{
        to_eigen(s.log_probs), to_eigen(s.old_log_probs), to_eigen(s.ref_log_probs), to_eigen(s.advantages),
        weights, odd ? to_eigen(s.importance) : none, to_eigen(s.entropies), u});
    const tokens x{s.mask, s.counted(s.log_probs), s.counted(s.log_probs - s.old_log_probs),
                   s.counted(s.log_probs - s.ref_log_probs), s.counted(s.advantages)};
    const tensor i = odd ? s.counted(s.importance) : at::ones_like(s.mask), H = s.counted(s.entropies);
    check_loss_and_slope(e.loss, e.dloss_dlogp,
                         (a.average(s.mask) * (i * surrogate(x) + kl_coef * a.kl(x))).sum() -
                             o.entropy_coef * (a.entropy_average(s.mask) * H).sum(),
                         s.log_probs);
    if (o.entropy_coef != 0.0) check_slope(e.dloss_dentropy, s.entropies);
  });
}

const equation token = [](T x) { return x.ratio; };
equation unclipped(const equation& ratio = token) {
  return [=](T x) { return -(ratio(x) * x.A); };
}
equation clip(double low, double high, const equation& ratio = token) {
  return [=](T x) { return -at::minimum(ratio(x) * x.A, ratio(x).clamp(low, high) * x.A); };
}

}  // namespace

TEST_CASE("grpo, ppo and the limits on their ratio equal autograd", "[autograd]") {
  const auto dual = [](double c, const equation& loss) -> equation {
    return [=](T x) { return where(x.A < 0.0, at::minimum(loss(x), -c * x.A), loss(x)); };
  };
  const auto two_sided = [](double delta) -> equation {
    return [=](T x) { return -at::minimum(x.ratio.clamp_max(delta) * x.A, x.ratio.clamp(0.8, 1.28) * x.A); };
  };
  check(grpo{.kl_coef = 0.0}, unclipped());
  check(grpo{}, unclipped());
  check(grpo{.clip_low = 0.2, .clip_high = 0.2, .kl_coef = 0.3}, clip(0.8, 1.2));
  check(grpo{.clip_low = 0.2, .clip_high = 0.28, .average = normalisation::per_token}, clip(0.8, 1.28),
        {all_tokens});
  check(grpo{.clip_low = 0.2}, clip(0.8, infinity));
  check(grpo{.clip_high = 0.2}, clip(0.0, 1.2));
  check(grpo{.clip_low = 0.2, .clip_high = 0.2, .dual_clip = 3.0}, dual(3.0, clip(0.8, 1.2)));
  check(grpo{.dual_clip = 1.1}, dual(1.1, unclipped()));
  for (const double d : {4.0, 1.1, 0.5})
    check(grpo{.clip_low = 0.2, .clip_high = 0.28, .delta = d}, two_sided(d));
  check(grpo{.delta = 2.0}, [](T x) { return -(x.ratio.clamp_max(2.0) * x.A); });
  check(grpo{.clip_low = 0.2, .clip_high = 0.28, .dual_clip = 3.0, .delta = 4.0}, dual(3.0, two_sided(4.0)));
  for (const double most : {3.0, 20.0})
    check(grpo{.log_ratio_limit = most}, [=](T x) { return -(exp(x.log_ratio.clamp(-most, most)) * x.A); });
  check(ppo{}, clip(0.8, 1.2), {all_tokens});
  check(ppo{.clip_low = {}, .clip_high = {}}, unclipped(), {all_tokens});
  check(ppo{.dual_clip = 3.0, .kl_in = kl_place::loss}, dual(3.0, clip(0.8, 1.2)), {all_tokens});
}

TEST_CASE("gspo, cispo, sapo and reinforce equal autograd", "[autograd]") {
  const std::optional<double> no;
  const auto mean = [](T x) { return x.log_ratio.sum(1, true) / x.mask.sum(1, true).clamp_min(1.0); };
  const auto own = [&](T x) { return stop(mean(x)) + x.log_prob - stop(x.log_prob); };
  const equation sequence = [&](T x) { return exp(mean(x)); },
                 sequence_token = [&](T x) { return exp(own(x)); };
  check(gspo{}, clip(1.0 - 3e-4, 1.0 + 4e-4, sequence));
  check(gspo{.clip_low = no, .clip_high = no}, unclipped(sequence));
  check(gspo{.clip_low = 0.2, .clip_high = 0.2, .kl_coef = 0.1}, clip(0.8, 1.2, sequence));
  check(gspo{.clip_low = no, .clip_high = no, .log_ratio_limit = 1.0},
        [&](T x) { return -(exp(mean(x).clamp_max(1.0)) * x.A); });
  check(gspo{.clip_low = no, .clip_high = no, .per_token = true}, unclipped(sequence_token));
  check(gspo{.clip_low = 0.2, .clip_high = 0.2, .per_token = true, .kl_coef = 0.1},
        clip(0.8, 1.2, sequence_token));
  check(gspo{.clip_low = no, .clip_high = no, .per_token = true, .log_ratio_limit = 1.0},
        [&](T x) { return -(exp(own(x).clamp_max(1.0)) * x.A); });

  const auto bounded = [](double low, double high) -> equation {
    return [=](T x) { return -(stop(x.ratio.clamp(low, high)) * x.A * x.log_prob); };
  };
  check(cispo{}, bounded(0.0, 5.0), {all_tokens});
  check(cispo{.cap = no, .kl_coef = 0.1}, bounded(0.0, infinity), {all_tokens});
  check(cispo{.clip_high = 9.0}, bounded(0.0, 5.0), {all_tokens});
  check(cispo{.clip_low = 0.2, .clip_high = 0.28}, bounded(0.8, 1.28), {all_tokens});
  check(cispo{.clip_high = 0.28, .cap = no}, bounded(0.0, 1.28), {all_tokens});

  const auto gate = [](double up, double down) -> equation {
    const auto f = [](double tau, T x) { return 4.0 / tau * sigmoid(tau * (x.ratio - 1.0)); };
    return [=](T x) { return -(where(x.A > 0.0, f(up, x), f(down, x)) * x.A); };
  };
  check(sapo{}, gate(1.0, 1.05));
  check(sapo{.temperature_pos = 0.3, .temperature_neg = 3.0, .kl_coef = 0.1}, gate(0.3, 3.0));

  const equation policy_gradient = [](T x) { return -(x.A * x.log_prob); };
  check(reinforce{}, policy_gradient, {sequence_sums});
  check(reinforce{.kl_coef = 0.2}, policy_gradient, {sequence_sums});
}

TEST_CASE("divergences, averages, entropy bonus and sft equal autograd", "[autograd]") {
  const auto with_kl = [](kl_estimator estimator, const equation& kl) {
    INFO("estimator " << static_cast<int>(estimator));
    check(grpo{.kl_coef = 0.3, .kl_estimator = estimator}, unclipped(), {.kl = kl});
  };
  with_kl(kl_estimator::k1, [](T x) { return x.apart; });
  with_kl(kl_estimator::k2, [](T x) { return x.apart.square() / 2.0; });
  with_kl(kl_estimator::k3, k3);
  with_kl(kl_estimator::absolute, [](T x) { return x.apart.abs(); });
  with_kl(kl_estimator::low_variance, [](T x) {
    const tensor d = x.apart.clamp(-20.0, 20.0);
    return (exp(-d) + d - 1.0).clamp(-10.0, 10.0);
  });

  const auto averaged = [](const normalisation& average, const averaging& mean) {
    check(grpo{.entropy_coef = 0.01, .average = average}, unclipped(), {mean, mean});
    check(ppo{.entropy_coef = -0.2, .entropy_average = average}, clip(0.8, 1.2), {all_tokens, mean});
    for_each_step(caller::current(), [&](const drawn_step& s) {
      const matrix weights = sft{average}.weights(to_eigen(s.mask));
      const evaluation<double> e =
          sft{average}(token_batch<double>{to_eigen(s.log_probs), none, none, none, weights});
      check_loss_and_slope(e.loss, e.dloss_dlogp, -(mean(s.mask) * s.counted(s.log_probs)).sum(),
                           s.log_probs);
    });
  };
  averaged(normalisation::per_sequence, sequences);
  averaged(normalisation::per_token, all_tokens);
  averaged(normalisation::per_sequence_sum, sequence_sums);
  averaged(normalisation::constant_length(7), [](const tensor& m) { return m / m.size(0) / 7.0; });
  averaged(normalisation::padded_length, [](const tensor& m) { return m / m.size(0) / m.size(1); });
  averaged(normalisation::sum_over(5), [](const tensor& m) { return m / 5.0; });
  averaged(normalisation::per_sequence.without_empty(),
           [](const tensor& m) { return m / m.sum(1, true).clamp_min(1.0) / m.any(1).sum().clamp_min(1); });
}

TEST_CASE("the critic's loss equals autograd, clipped or not", "[autograd]") {
  const double range = GENERATE(infinity, 0.2);
  ppo o{.value_coef = 0.3, .value_average = normalisation::per_sequence};
  INFO("range " << range);
  o.value_clip_range = range < infinity ? std::optional(range) : std::nullopt;
  for_each_step(caller::current(), [&](const drawn_step& s) {
    const matrix weights = o.value_weights(to_eigen(s.mask));
    const value_evaluation<double> e = o.critic_loss(
        value_batch<double>{to_eigen(s.values), to_eigen(s.old_values), to_eigen(s.returns), weights});
    const tensor v = s.counted(s.values), old = s.counted(s.old_values), R = s.counted(s.returns);
    const tensor near = old + (v - old).clamp(-range, range);
    const tensor loss = at::maximum((v - R).square(), (near - R).square()) / 2.0;
    check_loss_and_slope(e.loss, e.dloss_dvalues, 0.3 * (sequences(s.mask) * loss).sum(), s.values);
  });
}

namespace {

// What the equations of preference losses read: n x 2 sums over completions and means over their tokens.
struct pairs {
  tensor pi, ref, mean;
  tensor c = (pi - ref).select(1, 0), r = (pi - ref).select(1, 1), m = c - r;
};
using P = const pairs&;

// loss = sum over the pairs that have tokens / all pairs;  by length: means in place of sums
void check(dpo o, const std::function<tensor(P)>& losses, const caller& from = caller::current()) {
  for (const bool length_normalised : {false, true})
    for_each_step(from, [&](const drawn_step& s) {
      INFO("beta " << o.beta << ", length_normalised " << length_normalised);
      o.length_normalised = length_normalised;
      const matrix weights = o.weights(to_eigen(s.mask)),
                   ref = o.needs_reference() ? to_eigen(s.ref_log_probs) : none;
      const evaluation<double> e = o(token_batch<double>{to_eigen(s.log_probs), none, ref, none, weights});
      const tensor full = s.mask.reshape({6, -1}).any(1);
      const auto pairs_of = [&](const tensor& x, bool mean) {
        const tensor sums = s.counted(x).sum(1), means = sums / s.mask.sum(1).clamp_min(1.0);
        return (mean ? means : sums).reshape({6, 2}).index({full});
      };
      const pairs p{pairs_of(s.log_probs, length_normalised), pairs_of(s.ref_log_probs, length_normalised),
                    pairs_of(s.log_probs, true)};
      check_loss_and_slope(e.loss, e.dloss_dlogp, losses(p).sum() / 6.0, s.log_probs);
    });
}

tensor margin(const tensor& x) { return x.select(1, 0) - x.select(1, 1); }

// -log sigmoid(x) of labels of which a share s is wrong
tensor logistic(const tensor& x, double s = 0.0) { return -(1.0 - s) * log_sigmoid(x) - s * log_sigmoid(-x); }
tensor sorted(const tensor& x) { return std::get<0>(x.sort()); }

}  // namespace

TEST_CASE("the dpo family equals autograd, by length or not", "[autograd]") {
  const double b = GENERATE(0.1, 0.4), s = 0.1;
  check({.beta = b}, [&](P p) { return logistic(b * p.m); });
  check({.beta = b, .loss = ipo_loss}, [&](P p) { return (p.m - 0.5 / b).square(); });
  check({.beta = b, .loss = hinge_loss}, [&](P p) { return relu(1.0 - b * p.m); });
  check({.beta = b, .loss = nca_loss},
        [&](P p) { return logistic(b * p.c) + logistic(-b * p.c) / 2.0 + logistic(-b * p.r) / 2.0; });
  check({.beta = b, .loss = sppo_loss},
        [&](P p) { return (p.c - 0.5 / b).square() + (p.r + 0.5 / b).square(); });
  check({.beta = b, .loss = apo_zero_loss}, [&](P p) { return 1.0 - sigmoid(b * p.c) + sigmoid(b * p.r); });
  check({.beta = b, .loss = apo_down_loss}, [&](P p) { return sigmoid(b * p.c) + 1.0 - sigmoid(b * p.m); });
  const auto bco = [&](P p, const tensor& shift) {
    return logistic(b * p.c - shift) + logistic(shift - b * p.r);
  };
  check({.beta = b, .loss = bco_loss{0.3}}, [&](P p) { return bco(p, at::full_like(p.c, 0.3)); });
  for (const double n : {0.0, 5.0})  // rewards seen before, of mean 0.7
    check({.beta = b, .loss = bco_step_loss{{0.7, n}}}, [&](P p) {
      const tensor rewards = b * at::cat({p.c, p.r});
      return bco(p, stop((rewards.sum() + 0.7 * n) / (at::ones_like(rewards).sum() + n)));
    });
  for (const double tau : {0.05, 0.5})
    check({.beta = b, .loss = discopop_loss{tau}}, [&](P p) {
      const tensor x = b * p.m, g = sigmoid(x / tau);
      return (1.0 - g) * logistic(x) + g * exp(-x);
    });

  check({.beta = b, .label_smoothing = s}, [&](P p) { return logistic(b * p.m, s); });
  check({.beta = b, .loss = robust_loss, .label_smoothing = s},
        [&](P p) { return ((1.0 - s) * logistic(b * p.m) - s * logistic(-b * p.m)) / (1.0 - 2.0 * s); });
  for (const double e : {0.0, s}) {
    const double wrong = e == 0.0 ? 1e-3 : e;
    check({.beta = b, .loss = exo_loss, .label_smoothing = e}, [&](P p) {
      const tensor x = b * p.m, log_q = log_sigmoid(x), log_rest = log_sigmoid(-x);
      return exp(log_q) * (log_q - std::log(1.0 - wrong)) + exp(log_rest) * (log_rest - std::log(wrong));
    });
    check({.beta = b, .loss = aot_loss, .label_smoothing = e},
          [&](P p) { return logistic(b * (sorted(margin(p.pi)) - sorted(margin(p.ref))), e); });
    check({.beta = b, .loss = aot_unpaired_loss, .label_smoothing = e},
          [&](P p) { return logistic(b * (sorted(p.c) - sorted(p.r)), e); });
  }
}

TEST_CASE("simpo, cpo and orpo equal autograd", "[autograd]") {
  const double b = 2.0, s = GENERATE(0.0, 0.1), nll = GENERATE(0.0, 0.8);
  check({.beta = b, .loss = simpo_loss{0.7}, .label_smoothing = s},
        [&](P p) { return logistic(b * margin(p.mean) - 0.7, s); });
  check({.beta = b, .loss = cpo_loss{nll}, .label_smoothing = s},
        [&](P p) { return logistic(b * margin(p.pi), s) - nll * p.mean.select(1, 0); });
  check({.beta = b, .loss = orpo_loss{nll}}, [&](P p) {
    const tensor both = p.mean.prod(1) > 0.0, mean = where(both.unsqueeze(1), p.mean, -1.0);  // have tokens
    const tensor log_odds = mean - log1p(-exp(mean));
    return b * where(both, logistic(margin(log_odds)), 0.0) - nll * p.mean.select(1, 0);
  });
}

TEST_CASE("kto equals autograd, its divergence estimated or given", "[autograd]") {
  const double b = GENERATE(0.1, 0.5), given = GENERATE(infinity, 0.4, -0.4);
  kto o{.beta = b, .desirable_weight = 1.3, .undesirable_weight = 0.6};
  if (given < infinity) o.kl = given;
  INFO("beta " << b << ", kl " << given);
  const tensor labels = at::arange(12, at::kDouble).remainder(3.0) - 1.0;  // 0 = mismatched
  for_each_step(caller::current(), [&](const drawn_step& s) {
    const matrix weights = o.weights(to_eigen(s.mask)),
                 rows = to_eigen(labels.unsqueeze(1).expand_as(s.mask));
    const evaluation<double> e =
        o(token_batch<double>{to_eigen(s.log_probs), none, to_eigen(s.ref_log_probs), rows, weights});
    const tensor h = s.counted(s.log_probs - s.ref_log_probs).sum(1);
    const tensor estimate = stop(h.masked_select(labels == 0.0).mean());
    const tensor kl = relu(o.kl ? at::full_like(estimate, given) : estimate);
    const tensor weight = (1.3 * labels.clamp_min(0.0) - 0.6 * labels.clamp_max(0.0)) * s.mask.any(1);
    check_loss_and_slope(e.loss, e.dloss_dlogp, (weight * (1.0 - sigmoid(labels * b * (h - kl)))).sum() / 8.0,
                         s.log_probs);
  });
}
