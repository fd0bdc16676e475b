// logits, greedy, sft_gradients: what a language model on disk computes.
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <recllm/torch/causal_lm.hpp>

#include "operations.hpp"

namespace conformance {
namespace {

namespace lm = recllm::torch_bridge;

struct text {
  lm::token_ids tokens;
};

/// The model that the request names, with the adapters that it may name as "lora". The last one is kept while its
/// file does not change: requests about one model come in a row.
lm::qwen model_of(const fields& request) {
  namespace fs = std::filesystem;
  static std::pair<std::string, fs::file_time_type> kept;
  static std::optional<lm::qwen> model;
  if (request.maybe_text("dtype").value_or("float32") != "float32") request.fail("dtype", "\"float32\"");
  const fs::path path = request.text("model");
  if (!fs::exists(path)) request.fail("model", "a folder or a .gguf file that is there");
  const fs::path weights = path / "model.safetensors";
  std::pair<std::string, fs::file_time_type> wanted{
      path.string(), fs::last_write_time(fs::exists(weights) ? weights : path)};
  if (!model || wanted != kept) {
    model.reset();
    model.emplace(path);
    kept = std::move(wanted);
    model->set_trainable([](const std::string&) { return false; });  // copies share it
  }
  lm::qwen own = *model;
  if (const auto adapters = request.maybe_text("lora"))
    own.load_lora(*adapters);
  else
    own.set_trainable([](const std::string&) { return true; });
  return own;
}

lm::token_ids ids_of(const fields& request, std::int64_t vocabulary) {
  lm::token_ids ids;
  for (const double id : request.list("ids")) {
    if (!(id >= 0.0 && id < static_cast<double>(vocabulary) && id == std::floor(id)))
      request.fail("ids", "token ids from 0 to " + std::to_string(vocabulary - 1));
    ids.push_back(static_cast<std::int64_t>(id));
  }
  if (ids.empty()) request.fail("ids", "a list of one token id or more");
  return ids;
}

lm::causal_lm<text, text> policy_of(const lm::qwen& model) {
  return lm::causal_lm<text, text>(model,
                                   {.decode = [](lm::token_ids tokens) { return text{std::move(tokens)}; },
                                    .sampling = {},
                                    .optimizer = {}});
}

/// The tokens after the first, as the answer to it.
lm::token_rollouts<text> after_first(const lm::causal_lm<text, text>& policy, const lm::token_ids& ids) {
  const std::vector<text> prompts{{{ids.front()}}};
  return policy.given(prompts, {{lm::token_ids(ids.begin() + 1, ids.end())}});
}

json logits(const json& request) {
  const fields given(request);
  const lm::qwen model = model_of(given);
  const std::vector<lm::token_ids> contexts{ids_of(given, model.config().vocab_size)};
  const at::NoGradGuard no_grad;
  const at::Tensor last = at::linear(lm::last_hidden(model, contexts), model.head()).squeeze(0).contiguous();
  json last_logits = json::array(), log_probs = json::array();
  for (std::int64_t v = 0; v < last.numel(); ++v)
    last_logits.push_back(number(static_cast<double>(last.const_data_ptr<float>()[v])));
  if (contexts[0].size() > 1) {
    const auto policy = policy_of(model);
    const recllm::token_matrix<float> scores = policy.log_probs(after_first(policy, contexts[0]), {0, 1});
    for (Eigen::Index t = 0; t < scores.cols(); ++t)
      log_probs.push_back(number(static_cast<double>(scores(0, t))));
  }
  return {{"last_logits", last_logits}, {"log_probs", log_probs}};
}

json greedy(const json& request) {
  const fields given(request);
  const lm::qwen model = model_of(given);
  const std::vector<lm::token_ids> contexts{ids_of(given, model.config().vocab_size)};
  const std::size_t count = given.count("new_tokens");
  if (count == 0) return {{"ids", json::array()}};
  const auto said =
      lm::generate(model, contexts, 1,
                   {.max_new_tokens = static_cast<std::int64_t>(count), .temperature = 0.0, .end_tokens = {}},
                   recllm::random_stream(0));
  return {{"ids", said[0].tokens}};
}

json sft_gradients(const json& request) {
  const fields given(request);
  const lm::qwen model = model_of(given);
  const lm::token_ids ids = ids_of(given, model.config().vocab_size);
  if (ids.size() < 2) given.fail("ids", "two token ids or more: the first is not predicted");
  const auto policy = policy_of(model);  // a copy: its gradient is its own
  const auto rows = after_first(policy, ids);
  auto trace = policy.trace(rows, {0, 1});
  const float share = 1.0f / static_cast<float>(ids.size() - 1);
  const recllm::token_matrix<float> log_probs = trace.log_probs();
  trace.backward(recllm::token_matrix<float>::Constant(1, log_probs.cols(), -share));
  json gradients = json::object();
  for (const auto& [name, weight] : policy.model().weights()) {
    if (!weight.requires_grad()) continue;
    const at::Tensor gradient = weight.grad().to(at::kDouble);
    gradients[name] = {{"norm", number(gradient.norm().item<double>())},
                       {"sum", number(gradient.sum().item<double>())}};
  }
  return {{"loss", number(-static_cast<double>(share) * log_probs.cast<double>().sum())},
          {"gradients", gradients}};
}

const added logits_op{"logits", logits};
const added greedy_op{"greedy", greedy};
const added sft_gradients_op{"sft_gradients", sft_gradients};

}  // namespace
}  // namespace conformance
