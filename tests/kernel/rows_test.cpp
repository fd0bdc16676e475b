// Row kernels against the equations in double.
#include <recllm/kernel/rows.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

std::vector<float> normals(random_stream& rng, std::size_t count, double deviation = 1.0) {
  std::vector<float> all(count);
  for (float& x : all) x = static_cast<float>(deviation * rng.normal());
  return all;
}

double norm_scale(const float* x, std::size_t width, double epsilon) {
  double square = 0.0;
  for (std::size_t i = 0; i < width; ++i) square += static_cast<double>(x[i]) * x[i];
  return 1.0 / std::sqrt(square / static_cast<double>(width) + epsilon);
}

double close(double expected) { return 2e-6 * std::max(1.0, std::abs(expected)); }

}  // namespace

TEST_CASE("exponentials of a whole vector are std::exp's") {
  for (float x = -95.0f; x < 88.0f; x += 0.013f) {
    kernel::floats<RECLLM_LANES> v = kernel::floats<RECLLM_LANES>{} + x;
    kernel::exp(v);
    INFO("e^" << x);
    if (x < -87.0f)
      CHECK(v[3] == 0.0f);
    else
      CHECK(std::abs(v[3] / std::exp(static_cast<double>(x)) - 1.0) < 2e-7);
  }
  kernel::floats<RECLLM_LANES> special{};
  special[0] = -std::numeric_limits<float>::infinity();
  special[1] = std::numeric_limits<float>::quiet_NaN();
  kernel::exp(special);
  CHECK(special[0] == 0.0f);
  CHECK(std::isnan(special[1]));
  CHECK(special[2] == 1.0f);
}

TEST_CASE("bf16 is rounded to the nearest, of two to the even one, and read back exactly") {
  random_stream rng(7);
  for (std::size_t count : {1u, 5u, 16u, 33u}) {
    const std::vector<float> x = normals(rng, count, 100.0);
    std::vector<kernel::bfloat16> rounded(count);
    std::vector<float> back(count);
    for (std::size_t i = 0; i < count; i += RECLLM_LANES) {
      kernel::floats<RECLLM_LANES> v{};
      kernel::load(x.data(), i, count, v);
      kernel::store(v, i, count, rounded.data());
      kernel::load(rounded.data(), i, count, v);
      kernel::store(v, i, count, back.data());
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t below = std::bit_cast<std::uint32_t>(x[i]) & 0xffff0000u;
      const float low = std::bit_cast<float>(below), high = std::bit_cast<float>(below + 0x10000u);
      CHECK((back[i] == low || back[i] == high));
      CHECK(std::abs(back[i] - x[i]) <= std::min(std::abs(low - x[i]), std::abs(high - x[i])));
    }
  }
  kernel::floats<RECLLM_LANES> half{};
  half[0] = std::bit_cast<float>(0x3f808000u);  // between 1 and the next; 1 is even
  half[1] = std::bit_cast<float>(0x3f818000u);
  kernel::bfloat16 two[2];
  kernel::store(half, 0, 2, two);
  CHECK(two[0].bits == 0x3f80);
  CHECK(two[1].bits == 0x3f82);
}

TEST_CASE("norms, rotations and SwiGLU are their equations, and their slopes finite differences") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(0, 20)));
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::size_t rows = 1 + rng.below(4), width = 2 * (1 + rng.below(40));
  constexpr double epsilon = 1e-5;
  const std::vector<float> x = normals(rng, rows * width), other = normals(rng, rows * width),
                           weight = normals(rng, width), slope = normals(rng, rows * width);
  std::vector<float> out(rows * width);

  kernel::rms_norm(x.data(), weight.data(), epsilon, rows, width, out.data());
  const auto norm = [&](const std::vector<float>& of, std::size_t r, std::size_t i) {
    return of[r * width + i] * norm_scale(of.data() + r * width, width, epsilon) * weight[i];
  };
  for (std::size_t j = 0; j < out.size(); ++j) {
    const double expected = norm(x, j / width, j % width);
    CHECK(std::abs(out[j] - expected) < close(expected));
  }

  std::vector<float> sum = x;
  kernel::add_rms_norm(sum.data(), other.data(), weight.data(), epsilon, rows, width, sum.data(), out.data());
  for (std::size_t j = 0; j < out.size(); ++j) {
    CHECK(sum[j] == x[j] + other[j]);
    CHECK(std::abs(out[j] - norm(sum, j / width, j % width)) < close(out[j]));
  }

  // d sum(slope * norm(x)) by the derivative of the scale, in double.
  std::vector<float> dx(x.size()), alone(x.size()), dweight(width, 0.5f), unread(width);
  kernel::rms_norm_slopes(x.data(), weight.data(), epsilon, slope.data(), other.data(), rows, width,
                          dx.data(), dweight.data());
  kernel::rms_norm_slopes(x.data(), weight.data(), epsilon, slope.data(), static_cast<const float*>(nullptr),
                          rows, width, alone.data(), unread.data());
  std::vector<double> expected_weight(width, 0.5);
  for (std::size_t r = 0; r < rows; ++r) {
    const double scale = norm_scale(x.data() + r * width, width, epsilon);
    double product = 0.0;
    for (std::size_t i = 0; i < width; ++i) {
      const std::size_t j = r * width + i;
      product += static_cast<double>(slope[j]) * weight[i] * x[j];
      expected_weight[i] += slope[j] * x[j] * scale;
    }
    for (std::size_t i = 0; i < width; ++i) {
      const std::size_t j = r * width + i;
      const double expected = other[j] + slope[j] * weight[i] * scale -
                              x[j] * scale * scale * scale * product / static_cast<double>(width);
      CHECK(std::abs(dx[j] - expected) < 5.0 * close(expected));
      CHECK(std::abs(alone[j] - (expected - other[j])) < 5.0 * close(expected));
    }
  }
  for (std::size_t i = 0; i < width; ++i)
    CHECK(std::abs(dweight[i] - expected_weight[i]) < 5.0 * close(expected_weight[i]));

  std::vector<float> cosine(width / 2), sine(width / 2);
  for (std::size_t i = 0; i < width / 2; ++i) {
    const double angle = 6.0 * rng.uniform();
    cosine[i] = static_cast<float>(std::cos(angle)), sine[i] = static_cast<float>(std::sin(angle));
  }
  kernel::rotate_heads(x.data(), rows, width, cosine.data(), sine.data(), out.data());
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t i = 0; i < width / 2; ++i) {
      const std::size_t first = r * width + i, second = first + width / 2;
      CHECK(std::abs(out[first] - (x[first] * cosine[i] - x[second] * sine[i])) < 1e-5f);
      CHECK(std::abs(out[second] - (x[second] * cosine[i] + x[first] * sine[i])) < 1e-5f);
    }
  kernel::rotate_heads(out.data(), rows, width, cosine.data(), sine.data(), out.data(), true);
  for (std::size_t j = 0; j < out.size(); ++j) CHECK(std::abs(out[j] - x[j]) < 1e-5f);

  const auto silu = [](double g) { return g / (1.0 + std::exp(-g)); };
  kernel::swiglu(x.data(), other.data(), x.size(), out.data());
  std::vector<float> dgate = slope, dup(x.size()), same(x.size());
  kernel::swiglu_slopes(x.data(), other.data(), dgate.data(), x.size(), same.data(), dgate.data(),
                        dup.data());
  CHECK(same == out);
  for (std::size_t j = 0; j < x.size(); ++j) {
    CHECK(std::abs(out[j] - silu(x[j]) * other[j]) < close(out[j]));
    CHECK(std::abs(dup[j] - slope[j] * silu(x[j])) < close(dup[j]));
    const double difference = (silu(x[j] + 1e-6) - silu(x[j] - 1e-6)) / 2e-6;
    CHECK(std::abs(dgate[j] - slope[j] * other[j] * difference) < 5.0 * close(dgate[j]));
  }
}

TEST_CASE("SwiGLU of far gates stays finite") {
  const std::vector<float> gate{-500.0f, -90.0f, 90.0f, 500.0f}, up(4, 1.0f);
  std::vector<float> out(4);
  kernel::swiglu(gate.data(), up.data(), 4, out.data());
  CHECK(std::abs(out[0]) < 1e-30f);
  CHECK(out[2] == 90.0f);
  CHECK(out[3] == 500.0f);
}
