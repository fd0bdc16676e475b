// ops tokenize and detokenize.
#include <map>
#include <string>
#include <vector>

#include <recllm/text/pretrained_tokenizer.hpp>

#include "operations.hpp"

namespace conformance {
namespace {

/// Each file is read once.
const recllm::pretrained_tokenizer& tokenizer_of(const fields& request) {
  static std::map<std::string, recllm::pretrained_tokenizer> loaded;
  const std::string path = request.text("tokenizer");
  const auto known = loaded.find(path);
  if (known != loaded.end()) return known->second;
  return loaded.emplace(path, recllm::pretrained_tokenizer::load(path)).first->second;
}

json tokenized(const json& object) {
  const fields request(object);
  const auto& tokenizer = tokenizer_of(request);
  return {{"ids",
           tokenizer.encode(request.text("text"), request.maybe_flag("add_special_tokens").value_or(false))}};
}

json detokenized(const json& object) {
  const fields request(object);
  const auto& tokenizer = tokenizer_of(request);
  const json& given = request.any("ids");
  std::vector<int> ids;
  if (!given.is_array()) request.fail("ids", "a list of ids");
  for (const json& id : given) {
    if (!id.is_number_unsigned() || id > 0x7FFFFFFF) request.fail("ids", "a list of ids");
    ids.push_back(id.get<int>());
  }
  return {{"text", tokenizer.decode(ids, request.maybe_flag("skip_special_tokens").value_or(false))}};
}

const added forward{"tokenize", tokenized}, back{"detokenize", detokenized};

}  // namespace
}  // namespace conformance
