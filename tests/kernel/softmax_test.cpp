// Draws, scores and slopes of a row of logits against softmax in double.
#include <recllm/kernel/softmax.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

struct row {
  std::vector<float> logits;
  std::vector<double> p;
};

/// Random logits; every seventh token cannot be drawn where `holes`.
row make_row(random_stream& rng, std::size_t count, double scale, bool holes) {
  row made;
  for (std::size_t v = 0; v < count; ++v)
    made.logits.push_back(holes && v % 7 == 3 ? -std::numeric_limits<float>::infinity()
                                              : static_cast<float>(4.0 * rng.normal()));
  for (const float z : made.logits) made.p.push_back(std::exp(scale * z));
  const double total = std::accumulate(made.p.begin(), made.p.end(), 0.0);
  for (double& p : made.p) p /= total;
  return made;
}

}  // namespace

TEST_CASE("a token is drawn where the cumulative distribution passes the uniform number") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(0, 30)));
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::size_t count = 1 + rng.below(seed % 3 == 0 ? 40'000 : 700);
  const double scale = 0.3 + 2.0 * rng.uniform();
  const row of = make_row(rng, count, scale, count > 7);
  for (int n = 0; n < 50; ++n) {
    const double uniform = n == 0 ? 0.0 : n == 1 ? 1.0 - 0x1p-53 : rng.uniform();
    const kernel::drawn_token drawn =
        kernel::draw(of.logits.data(), count, static_cast<float>(scale), uniform);
    REQUIRE(drawn.token < count);
    CHECK(of.p[drawn.token] > 0.0);
    const double below =
        std::accumulate(of.p.begin(), of.p.begin() + static_cast<std::ptrdiff_t>(drawn.token), 0.0);
    CHECK(below < uniform + 1e-5);  // float sums
    CHECK(below + of.p[drawn.token] > uniform - 1e-5);
    CHECK(std::abs(drawn.log_prob - std::log(of.p[drawn.token])) < 2e-5);
  }
  const kernel::drawn_token best = kernel::likeliest(of.logits.data(), count);
  CHECK(best.token == static_cast<std::size_t>(std::ranges::max_element(of.logits) - of.logits.begin()));
}

TEST_CASE("draws come as often as their probabilities say") {
  random_stream rng(3);
  const row of = make_row(rng, 40, 0.5, true);
  std::vector<double> seen(40, 0.0);
  constexpr int draws = 200'000;
  for (int n = 0; n < draws; ++n) seen[kernel::draw(of.logits.data(), 40, 0.5f, rng.uniform()).token] += 1.0;
  for (std::size_t v = 0; v < 40; ++v)
    CHECK(std::abs(seen[v] / draws - of.p[v]) < 5.0 * std::sqrt(of.p[v] / draws) + 1e-9);
}

TEMPLATE_TEST_CASE("scores and slopes are those of softmax", "", float, kernel::bfloat16) {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(0, 20)));
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::size_t count = 1 + rng.below(3000), target = count < 4 ? 0 : count / 2 - (count / 2) % 7;
  std::vector<TestType> logits(count);
  const row drawn = make_row(rng, count, 1.0, count > 7);
  for (std::size_t i = 0; i < count; i += RECLLM_LANES) {
    kernel::floats<RECLLM_LANES> v{};
    kernel::load(drawn.logits.data(), i, count, v);
    kernel::store(v, i, count, logits.data());
  }
  std::vector<double> p;
  for (const TestType z : logits) p.push_back(std::exp(static_cast<double>(kernel::value(z))));
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  double entropy = 0.0;
  for (double& one : p) {
    one /= total;
    if (one > 0.0) entropy -= one * std::log(one);
  }
  const kernel::softmax_scores found = kernel::score(logits.data(), count, target);
  CHECK(std::abs(found.log_prob - std::log(p[target])) < 1e-5);
  CHECK(std::abs(found.entropy - entropy) < 1e-5 * std::max(1.0, entropy));

  constexpr float dlogp = 0.7f, dentropy = -0.4f;
  kernel::slopes(logits.data(), count, target, found, dlogp, dentropy);
  const double precision = std::is_same_v<TestType, float> ? 1e-6 : 5e-3;
  for (std::size_t v = 0; v < count; ++v) {
    const double log_p = p[v] > 0.0 ? std::log(p[v]) : 0.0;
    const double expected = dlogp * ((v == target ? 1.0 : 0.0) - p[v]) - dentropy * p[v] * (log_p + entropy);
    CHECK(std::abs(kernel::value(logits[v]) - expected) < precision * std::max(1.0, std::abs(expected)));
  }
}

TEST_CASE("a row that is not finite gives NaN") {
  std::vector<float> logits(20, 1.0f);
  logits[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(kernel::score(logits.data(), 20, 2).log_prob));
  CHECK(std::isnan(kernel::draw(logits.data(), 20, 1.0f, 0.5).log_prob));
}
