// A catalogue ranked by what the model would say first: against the model's own next-token log-probs.
#include <recllm/torch/ranking.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

TEST_CASE("items are scored right after the answer token, reasons included", "[ranking]") {
  const qwen model({.vocab_size = 23, .hidden_size = 16, .intermediate_size = 24, .initializer_range = 0.4},
                   random_stream(1));
  const std::vector<token_ids> prompts{{3, 7, 1}, {5}};
  const std::vector<std::int64_t> items{9, 4, 17};
  const auto scores =
      item_log_probs(model, prompts, {.item_tokens = items, .answer_token = 2, .max_reasoning = 4});
  REQUIRE(scores.size() == prompts.size());
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    token_ids context = prompts[p];  // the reasons, one greedy token at a time
    while (context.size() < prompts[p].size() + 4 && context.back() != 2) {
      const std::vector<token_ids> so_far{context};
      context.push_back(next_token_log_probs(model, so_far).argmax(1).item<std::int64_t>());
    }
    if (context.back() != 2) context.push_back(2);
    const std::vector<token_ids> whole{context};
    const at::Tensor expected = next_token_log_probs(model, whole);
    for (std::size_t i = 0; i < items.size(); ++i)
      CHECK(scores[p][i] == Approx(expected[0][items[i]].item<double>()).margin(1e-5));
  }
  CHECK(item_log_probs(model, std::vector<token_ids>{}, {.item_tokens = items}).empty());
  CHECK_THROWS_WITH(item_log_probs(model, prompts, {}), Catch::Contains("no item token"));
}
