// Rows that leave, branch and change places in the cache: against the model over each row's whole text.
#include <recllm/torch/cached_decoder.hpp>

#include <recllm/core/random.hpp>
#include <recllm/torch/generate.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

float distance(const qwen& model, const cached_decoder& decoder, const std::vector<token_ids>& texts) {
  const at::NoGradGuard no_grad;
  const at::Tensor whole = at::linear(last_hidden(model, texts), model.head());
  return (decoder.logits() - whole).abs().max().item<float>();
}

}  // namespace

TEST_CASE("a row's logits are those of its text, whatever rows were chosen before", "[cached_decoder]") {
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    INFO("seed " << seed);
    random_stream rng(seed);
    const qwen model({.model_type = seed % 2 == 0 ? "qwen3" : "qwen2",
                      .vocab_size = 23,
                      .hidden_size = 32,
                      .num_attention_heads = 4,
                      .num_key_value_heads = seed < 3 ? 2 : 4,
                      .initializer_range = 0.3},
                     random_stream(seed));
    std::vector<token_ids> texts{{3, 7, 1}, {5}, {2, 2, 9, 14, 21, 0}, {8, 1}};
    cached_decoder decoder(model, texts, 12);
    CHECK(distance(model, decoder, texts) < 1e-4f);
    for (int round = 0; round < 12; ++round) {
      if (round != 1) {  // as many as 12 rows, of any prompt, some twice and in any order
        std::vector<std::int64_t> rows;
        std::vector<token_ids> chosen;
        const std::size_t count = 1 + rng.below(round < 6 ? 12 : texts.size());
        for (std::size_t i = 0; i < count; ++i) {
          rows.push_back(static_cast<std::int64_t>(rng.below(texts.size())));
          chosen.push_back(texts[static_cast<std::size_t>(rows.back())]);
        }
        decoder.select(rows);
        texts = chosen;
      }
      std::vector<std::int64_t> said;
      for (token_ids& text : texts) {
        said.push_back(static_cast<std::int64_t>(rng.below(23)));
        text.push_back(said.back());
      }
      decoder.say(torch::tensor(said, at::kLong));
      REQUIRE(distance(model, decoder, texts) < 1e-4f);
    }
  }
}
