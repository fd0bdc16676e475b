// Rows times a packed weight against the sums written out in double.
#include <recllm/kernel/linear.hpp>

#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

float rounded(float x) {
  kernel::bfloat16 bits{};
  kernel::floats<4> v{};
  v[0] = x;
  kernel::store(v, 0, 1, &bits);
  return kernel::value(bits);
}

template <class T>
T stored(float x) {
  if constexpr (std::is_same_v<T, float>)
    return x;
  else
    return {static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, rounded(x)) >> 16u)};
}

/// y = x W^T + b of random numbers and sizes, a range of panels at a time; W of T.
template <class T>
void check_linear(std::uint64_t seed) {
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::size_t rows = 1 + rng.below(110), in = 1 + rng.below(150), out = 1 + rng.below(120);
  const bool biased = rng.below(2) == 0;
  std::vector<float> x(rows * in), w(out * in), bias(out);
  for (std::vector<float>* all : {&x, &w, &bias})
    for (float& number : *all) number = static_cast<float>(rng.normal());
  std::vector<T> weight;
  for (const float number : w) weight.push_back(stored<T>(number));

  std::vector<T> packed_weight(kernel::packed_weight_size<T>(out, in)),
      packed_rows(kernel::packed_rows_size<T>(rows, in));
  kernel::pack_weight(weight.data(), out, in, packed_weight.data());
  kernel::pack_rows(x.data(), rows, in, packed_rows.data());
  constexpr float untouched = 1234.0f;
  std::vector<float> y(rows * out + 1, untouched);
  const std::size_t middle = std::min(out, kernel::panel_rows<T>() * (1 + rng.below(3)));
  kernel::linear(packed_rows.data(), packed_weight.data(), biased ? bias.data() : nullptr, rows, in, out, 0,
                 middle, y.data());
  if (middle < out)
    kernel::linear(packed_rows.data(), packed_weight.data(), biased ? bias.data() : nullptr, rows, in, out,
                   middle, out, y.data());
  REQUIRE(y.back() == untouched);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t j = 0; j < out; ++j) {
      double sum = biased ? static_cast<double>(bias[j]) : 0.0, size = std::abs(sum);
      for (std::size_t k = 0; k < in; ++k) {
        const float given = std::is_same_v<T, float> ? x[r * in + k] : rounded(x[r * in + k]);
        const double term =
            static_cast<double>(given) * static_cast<double>(kernel::value(weight[j * in + k]));
        sum += term;
        size += std::abs(term);
      }
      INFO(rows << " x " << in << " -> " << out << ", row " << r << ", column " << j);
      REQUIRE(std::abs(static_cast<double>(y[r * out + j]) - sum) <= 2e-6 * size + 1e-30);
    }
}

}  // namespace

TEST_CASE("rows times a packed float32 weight") {
  check_linear<float>(static_cast<std::uint64_t>(GENERATE(range(0, 40))));
}

TEST_CASE("rows times a packed bf16 weight, where the processor has such products") {
  if (!kernel::has_amx()) return;
  check_linear<kernel::bfloat16>(static_cast<std::uint64_t>(GENERATE(range(100, 140))));
}
