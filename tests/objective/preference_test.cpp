// Every member of the family against figures worked out elsewhere, central differences and its limits.
#include <recllm/objective/preference.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "support/ragged_batch.hpp"

using namespace recllm;

namespace {

struct member {
  const char* name;
  any_pair_loss loss;
};

const std::vector<member> members{{"sigmoid", sigmoid_loss},
                                  {"robust", robust_loss},
                                  {"ipo", ipo_loss},
                                  {"hinge", hinge_loss},
                                  {"exo", exo_loss},
                                  {"discopop", discopop_loss{}},
                                  {"discopop, tau 1", discopop_loss{.tau = 1.0}},
                                  {"nca", nca_loss},
                                  {"bco", bco_loss{}},
                                  {"bco, shifted", bco_loss{.delta = 0.2}},
                                  {"sppo", sppo_loss},
                                  {"apo_zero", apo_zero_loss},
                                  {"apo_down", apo_down_loss},
                                  {"simpo", simpo_loss{}},
                                  {"cpo", cpo_loss{}},
                                  {"cpo without nll", cpo_loss{.nll_coef = 0.0}},
                                  {"orpo", orpo_loss{}},
                                  {"orpo without nll", orpo_loss{.nll_coef = 0.0}}};

const std::vector<member> step_members{
    {"aot", aot_loss},
    {"aot_unpaired", aot_unpaired_loss}};  // bco_step_loss's delta is a constant of the slope

pair_loss of_one(const any_pair_loss& loss, const pair_log_probs& p, const pair_options& how) {
  return loss(std::vector{p}, how).front();
}

const member& named(const std::string& name) {
  for (const member& m : members)
    if (name == m.name) return m;
  throw std::invalid_argument(name);
}

double mean_of(const any_pair_loss& loss, const std::vector<pair_log_probs>& pairs, const pair_options& how) {
  double sum = 0.0;
  for (const pair_loss& l : loss(pairs, how)) sum += l.value;
  return sum / static_cast<double>(pairs.size());
}

/// Log-probs below 0, as those of completions are, with margins of up to `spread` nats.
std::vector<pair_log_probs> draw(random_stream& rng, std::size_t count, double spread) {
  std::vector<pair_log_probs> pairs(count);
  for (pair_log_probs& p : pairs) {
    for (double* x : {&p.chosen, &p.rejected, &p.ref_chosen, &p.ref_rejected})
      *x = -0.5 - spread * rng.uniform();
    p.chosen_length = static_cast<double>(1 + rng.below(9));
    p.rejected_length = static_cast<double>(1 + rng.below(9));
  }
  return pairs;
}

/// Whether steps of differences leave the ranks as they are: at a tie the losses of a step have a kink.
bool well_apart(const std::vector<pair_log_probs>& pairs, bool normalised) {
  std::vector<double> margins, chosen, rejected;
  for (const pair_log_probs& p : pairs) {
    const double c = normalised ? p.chosen_length : 1.0, r = normalised ? p.rejected_length : 1.0;
    margins.push_back(p.chosen / c - p.rejected / r);
    chosen.push_back((p.chosen - p.ref_chosen) / c);
    rejected.push_back((p.rejected - p.ref_rejected) / r);
  }
  for (std::vector<double>* values : {&margins, &chosen, &rejected}) {
    std::ranges::sort(*values);
    for (std::size_t i = 1; i < values->size(); ++i)
      if ((*values)[i] - (*values)[i - 1] < 0.005) return false;
  }
  return true;
}

}  // namespace

// Worked out from the formulas of TRL f2cd577 (dpo_trainer.py: _compute_loss, cpo_trainer.py: cpo_loss,
// orpo_trainer.py: odds_ratio_loss) in 80 decimal digits, slopes by differences; exo of 0 as TRL 0.23 took
// it.
TEST_CASE("pair losses equal TRL's formulas") {
  const pair_log_probs first{-3.0, -4.0, -3.5, -3.0, 3.0, 7.0}, second{-5.0, -2.5, -4.0, -3.5, 4.0, 2.0};
  struct row {
    const char* name;
    double value, dchosen, drejected;
  };
  const auto compare = [](const row& expected, const pair_log_probs& p, const pair_options& how) {
    CAPTURE(expected.name);
    const pair_loss l = of_one(named(expected.name).loss, p, how);
    CHECK(l.value == Approx(expected.value).epsilon(1e-13));
    CHECK(l.dchosen == Approx(expected.dchosen).epsilon(1e-12));
    CHECK(l.drejected == Approx(expected.drejected).epsilon(1e-12));
  };
  const pair_options how{.beta = 0.3, .label_smoothing = 0.1};
  for (const row& r :
       std::vector<row>{{"sigmoid", 0.53824894599745488, -0.086808229815233409, 0.086808229815233409},
                        {"robust", 0.43699894599745487, -0.1543082298152334, 0.1543082298152334},
                        {"ipo", 0.027777777777777776, -1.0 / 3.0, 1.0 / 3.0},
                        {"hinge", 0.55, -0.3, 0.3},
                        {"exo", 0.29241226955474864, -0.12462548947158662, 0.12462548947158662},
                        {"discopop", 0.6376103360109141, -0.19117237455684291, 0.19117237455684291},
                        {"discopop, tau 1", 0.58141255351808585, -0.15199053672851812, 0.15199053672851812},
                        {"nca", 1.2836131939185618, -0.0581565695953127, 0.063833622478251154},
                        {"bco", 1.1753122922580592, -0.13877104639687513, 0.12766724495650231},
                        {"bco, shifted", 1.192536632193393, -0.15374921894526311, 0.11326220063944363},
                        {"sppo", 1.8055555555555556, -2.3333333333333333, 1.3333333333333333},
                        {"apo_zero", 0.88812763784459148, -0.074579702003262902, 0.073337493507223767},
                        {"apo_down", 0.92679061139452756, 0.0032520140299240998, 0.071327687973338799},
                        {"simpo", 0.99317125055964206, -0.05521654674339789, 0.023664234318599098},
                        {"cpo without nll", 0.58435524446852716, -0.097667244956502308, 0.097667244956502308},
                        {"cpo", 1.5843552444685272, -0.43100057828983562, 0.097667244956502308},
                        {"orpo without nll", 0.35167342858131334, -0.10920843620912743, 0.067968663738138257},
                        {"orpo", 1.3516734285813132, -0.44254176954246077, 0.067968663738138257}})
    compare(r, first, how);
  for (const row& r :
       std::vector<row>{{"sigmoid", 0.97748795048588566, -0.16369689186773864, 0.16369689186773864},
                        {"robust", 1.1124879504858856, -0.23119689186773865, 0.23119689186773865},
                        {"ipo", 13.444444444444445, -7.3333333333333333, 7.3333333333333333},
                        {"hinge", 1.6, -0.3, 0.3},
                        {"exo", 0.87391825345885599, -0.19198827009376837, 0.19198827009376837},
                        {"discopop", 1.0374927713948257, -0.19367013510911421, 0.19367013510911421},
                        {"discopop, tau 1", 1.3155169440902834, -0.26490515968819284, 0.26490515968819284},
                        {"nca", 1.5587104889370542, -0.10849913256524654, 0.086166377521748855},
                        {"bco", 1.7087104889370541, -0.17233275504349771, 0.17233275504349771},
                        {"bco, shifted", 1.7184736442536777, -0.18673779936055637, 0.157493756243682},
                        {"sppo", 14.222222222222221, -5.3333333333333333, 5.3333333333333333},
                        {"apo_zero", 1.1488850336233181, -0.073337493507223767, 0.073337493507223767},
                        {"apo_down", 1.0712137894141365, 0.0047022213702265702, 0.068635272136997189},
                        {"simpo", 0.92407698418010664, -0.039184449840139093, 0.078368899680278187},
                        {"cpo without nll", 1.0618710061148999, -0.17375360975261789, 0.17375360975261789},
                        {"cpo", 2.3118710061149002, -0.42375360975261789, 0.17375360975261789},
                        {"orpo without nll", 0.20794415416798359, -0.052558166943487986, 0.10511633388697597},
                        {"orpo", 1.4579441541679836, -0.30255816694348797, 0.10511633388697597}})
    compare(r, second, how);
  compare({"exo", 2.0217585411527512, -0.46054539017180823, 0.46054539017180823}, first, {.beta = 0.3});
  compare({"exo", 3.8102961119727619, -0.51522815709824754, 0.51522815709824754}, second, {.beta = 0.3});
}

TEST_CASE("losses of a step equal TRL's formulas, rank by rank") {
  const std::vector<pair_log_probs> pairs{
      {-3.0, -4.0, -3.5, -3.0}, {-5.0, -2.5, -4.0, -3.5}, {-1.0, -6.0, -2.0, -2.5}, {-2.0, -2.5, -6.0, -1.5}};
  const pair_options how{.beta = 0.3, .label_smoothing = 0.1};
  const auto compare = [&](const any_pair_loss& loss, const std::vector<double>& expected) {
    const std::vector<pair_loss> losses = loss(pairs, how);
    REQUIRE(losses.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) CHECK(losses[i].value == Approx(expected[i]).epsilon(1e-13));
  };
  compare(aot_loss, {0.49748795048588562, 0.58435524446852716, 0.53824894599745488, 0.36550857136387538});
  compare(aot_unpaired_loss,
          {0.46187100611489995, 0.53824894599745488, 0.49748795048588562, 0.43115387473208783});
  // the mean of these rewards is 0, as that of bco without a shift
  compare(bco_step_loss{},
          {1.1753122922580592, 1.7087104889370541, 0.85441372408617033, 0.81763771180655831});
}

TEST_CASE("slopes equal central differences, for margins up to hundreds of nats") {
  for (const std::uint64_t seed : {5u, 6u, 7u})
    for (const double spread : {3.0, 60.0, 600.0})
      for (const bool normalised : {false, true}) {
        random_stream rng(seed);
        std::vector<pair_log_probs> pairs = draw(rng, 12, spread);
        while (!well_apart(pairs, normalised)) pairs = draw(rng, 12, spread);
        const pair_options how{.beta = 0.13, .label_smoothing = 0.2, .length_normalised = normalised};
        test::matrix at(12, 2);
        for (Eigen::Index i = 0; i < 12; ++i)
          at.row(i) << pairs[static_cast<std::size_t>(i)].chosen, pairs[static_cast<std::size_t>(i)].rejected;
        const auto check = [&](const member& m) {
          CAPTURE(seed, spread, normalised, m.name);
          const auto loss = [&](const test::matrix& x) {
            std::vector<pair_log_probs> moved = pairs;
            for (Eigen::Index i = 0; i < 12; ++i) {
              moved[static_cast<std::size_t>(i)].chosen = x(i, 0);
              moved[static_cast<std::size_t>(i)].rejected = x(i, 1);
            }
            return 12.0 * mean_of(m.loss, moved, how);
          };
          const std::vector<pair_loss> losses = m.loss(pairs, how);
          test::matrix slopes(12, 2);
          for (Eigen::Index i = 0; i < 12; ++i)
            slopes.row(i) << losses[static_cast<std::size_t>(i)].dchosen,
                losses[static_cast<std::size_t>(i)].drejected;
          CHECK(test::relative_error(slopes, test::numeric_gradient(loss, at)) < 1e-6);
        };
        for (const member& m : members) check(m);
        for (const member& m : step_members) check(m);
      }
}

TEST_CASE("margins of thousands overflow nowhere but in discopop's exponential; NaN stays NaN") {
  for (const double far : {-5000.0, 5000.0})
    for (const member& m : members) {
      CAPTURE(m.name, far);
      // the reference stands in for extreme ratios; a policy's log-probs are never above 0
      const pair_log_probs by_reference{-5000.0, -5000.0, -5000.0 - far, -5000.0};
      const pair_log_probs by_policy{std::min(0.0, far) - 0.1, std::min(0.0, -far) - 0.1, -1.0, -1.0};
      for (const pair_log_probs& p : {by_reference, by_policy}) {
        const pair_loss l = of_one(m.loss, p, {.beta = 1.0, .label_smoothing = 0.1});
        CHECK(std::isfinite(l.value));
        CHECK(std::isfinite(l.dchosen));
        CHECK(std::isfinite(l.drejected));
      }
    }
  CHECK(sigmoid_loss({-5000.0, 0.0, 0.0, 0.0}, {.beta = 1.0}).value == 5000.0);
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  for (const member& m : members) {
    CAPTURE(m.name);
    CHECK(std::isnan(of_one(m.loss, {nan, -1.0, -1.0, -1.0}, {}).value));
    CHECK(std::isnan(of_one(m.loss, {-1.0, nan, -1.0, -1.0}, {}).value));
  }
  for (const member& m : step_members)
    for (const pair_loss& l : m.loss(std::vector<pair_log_probs>{{-1, -2, -3, -4}, {-1, nan, -1, -1}}, {}))
      CHECK((std::isnan(l.value) && std::isnan(l.dchosen) && std::isnan(l.drejected)));
  // A rejected completion that the policy never gives is no loss; a chosen one an infinite loss.
  CHECK(sigmoid_loss({-1.0, -infinity, -1.0, -1.0}, {}).value == 0.0);
  CHECK(robust_loss({-1.0, -infinity, -1.0, -1.0}, {}).value == 0.0);
  CHECK(sigmoid_loss({-infinity, -1.0, -1.0, -1.0}, {}).value == infinity);
  CHECK(sigmoid_loss({-1.0, -infinity, -1.0, -1.0}, {.label_smoothing = 0.1}).value == infinity);
}

TEST_CASE("the rewards are beta times the log-ratios, or the log-probs where there is no reference") {
  const pair_log_probs p{-3.0, -14.0, -6.0, -7.0, 3.0, 7.0};
  for (const member& m : members) {
    CAPTURE(m.name);
    const pair_loss l = of_one(m.loss, p, {.beta = 0.5});
    const bool mean = std::string(m.name).starts_with("simpo") || std::string(m.name).starts_with("orpo");
    CHECK(l.chosen_reward == Approx(m.loss.needs_reference() ? 1.5 : mean ? -0.5 : -1.5));
    CHECK(l.rejected_reward == Approx(m.loss.needs_reference() ? -3.5 : mean ? -1.0 : -7.0));
    if (m.loss.needs_reference())
      CHECK(of_one(m.loss, p, {.beta = 0.5, .length_normalised = true}).chosen_reward == 1.5);
  }
}

TEST_CASE("pair losses say what is wrong with their settings") {
  using Catch::Matchers::Contains;
  const auto all = [](const pair_options& how, const char* words) {
    for (const member& m : members) {
      CAPTURE(m.name);
      CHECK_THROWS_WITH(of_one(m.loss, {-1, -2, -1, -1}, how), Contains(words));
    }
    for (const member& m : step_members)
      CHECK_THROWS_WITH(of_one(m.loss, {-1, -2, -1, -1}, how), Contains(words));
  };
  all({.beta = 0.0}, "pair loss: beta must be > 0, but is 0");
  all({.beta = std::numeric_limits<double>::infinity()}, "beta must be > 0, but is inf");
  all({.beta = std::nan("")}, "beta must be > 0, but is nan");
  for (const any_pair_loss& loss :
       std::vector<any_pair_loss>{sigmoid_loss, exo_loss, simpo_loss{}, cpo_loss{}, aot_loss})
    CHECK_THROWS_WITH(of_one(loss, {}, {.label_smoothing = 0.6}),
                      Contains("label_smoothing must be in [0, 0.5], but is 0.6"));
  CHECK_THROWS_WITH(robust_loss({}, {.label_smoothing = 0.5}),
                    Contains("robust_loss: label_smoothing must be below 0.5, but is 0.5"));
  CHECK_THROWS_WITH(discopop_loss{.tau = 0.0}({}, {}), Contains("discopop_loss: tau must be > 0, but is 0"));
  CHECK_THROWS_WITH(simpo_loss{.gamma = -1.0}({}, {}),
                    Contains("simpo_loss: gamma must be 0 or more, but is -1"));
  CHECK_THROWS_WITH(cpo_loss{.nll_coef = -1.0}({}, {}),
                    Contains("cpo_loss: nll_coef must be 0 or more, but is -1"));
  CHECK_THROWS_WITH(orpo_loss{.nll_coef = -1.0}({}, {}), Contains("orpo_loss: nll_coef must be 0 or more"));
}
