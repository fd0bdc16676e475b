// Attention of a group's newest tokens against softmax attention in double, written out.
#include <recllm/kernel/attention.hpp>

#include <cmath>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;

TEST_CASE("each completion attends to its prompt and to itself") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(0, 30)));
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::size_t completions = 1 + rng.below(14), queries = 1 + rng.below(3),
                    size = 16 * (1 + rng.below(4)), prompt = 1 + rng.below(70), said = 1 + rng.below(40);
  const std::size_t prompt_room = kernel::padded(prompt), room = kernel::padded(said + rng.below(20));
  const auto normals = [&](std::size_t count) {
    std::vector<float> all(count);
    for (float& x : all) x = static_cast<float>(rng.normal());
    return all;
  };
  // Places past those in use hold other numbers.
  const std::vector<float> prompt_keys = normals(size * prompt_room),
                           prompt_values = normals(size * prompt_room),
                           keys = normals((completions + 1) * size * room),
                           values = normals((completions + 1) * size * room);
  const std::size_t q_stride = queries * size + 16, out_stride = queries * size + 3;
  const std::vector<float> q = normals((completions + 1) * q_stride);
  std::vector<std::size_t> rows;  // all but one, the last first
  const std::size_t left_out = rng.below(completions + 1);
  for (std::size_t r = completions + 1; r-- > 0;)
    if (r != left_out) rows.push_back(r);
  const kernel::group_head g{.prompt_keys = prompt_keys.data(),
                             .prompt_values = prompt_values.data(),
                             .prompt = prompt,
                             .prompt_room = prompt_room,
                             .rows = rows,
                             .keys = keys.data(),
                             .values = values.data(),
                             .stride = size * room,
                             .said = said,
                             .room = room,
                             .queries = queries,
                             .size = size};
  std::vector<float> out((completions + 1) * out_stride, -7.0f), scratch(kernel::attention_scratch(g));
  kernel::attend_group(g, q.data(), q_stride, out.data(), out_stride, scratch.data());

  for (std::size_t r = 0; r <= completions; ++r)
    for (std::size_t h = 0; h < queries; ++h) {
      std::vector<double> weights, found(size, 0.0);
      double total = 0.0;
      for (std::size_t j = 0; j < prompt + said; ++j) {
        double score = 0.0;
        for (std::size_t d = 0; d < size; ++d) {
          const float key =
              j < prompt ? prompt_keys[d * prompt_room + j] : keys[r * size * room + d * room + j - prompt];
          score += static_cast<double>(q[r * q_stride + h * size + d]) * key;
        }
        weights.push_back(std::exp(score / std::sqrt(static_cast<double>(size))));
        total += weights.back();
      }
      for (std::size_t d = 0; d < size; ++d) {
        double expected = 0.0;
        for (std::size_t j = 0; j < prompt + said; ++j)
          expected +=
              weights[j] / total *
              (j < prompt ? prompt_values[j * size + d] : values[r * size * room + (j - prompt) * size + d]);
        const float ours = out[r * out_stride + h * size + d];
        if (r == left_out)
          CHECK(ours == -7.0f);
        else
          CHECK(std::abs(ours - expected) < 1e-5 * std::max(1.0, std::abs(expected)));
      }
    }
}
