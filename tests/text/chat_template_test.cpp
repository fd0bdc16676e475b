#include <recllm/text/chat_template.hpp>

#include <fstream>
#include <string>

#include "support/catch.hpp"
#include "support/shared_files.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

/// A model folder with this tokenizer_config.json.
struct model_folder : temporary_folder {
  explicit model_folder(const std::string& config) { put("tokenizer_config.json", config); }
  void put(const char* name, const std::string& text) const { std::ofstream(path / name) << text; }
  [[nodiscard]] chat_template load() const { return chat_template::load(path); }
};

const std::vector<chat_message> conversation{
    {"system", "S"}, {"user", "Q"}, {"assistant", "<think>w</think>\n\nR"}, {"user", "M "}};

}  // namespace

TEST_CASE("a folder's own template is run, with its tokens") {
  const model_folder folder(R"({"bos_token": {"content": "<s>", "special": true}, "eos_token": "</s>",
      "chat_template": "{{ bos_token }}{% for m in messages %}\n  {%- if m['role'] == 'user' %}[{{ m.content | trim }}]{% else %}{{ m['content'].split('</think>')[-1] + eos_token }}{% endif %}\n{% endfor %}{% if add_generation_prompt %}>{% endif %}"})");
  const chat_template format = folder.load();
  CHECK(format.render(conversation) == "<s>S</s>[Q]\n\nR</s>[M]>");
  CHECK(format.render(conversation, false) == "<s>S</s>[Q]\n\nR</s>[M]");
  CHECK(format.reply("Heat</s>more") == "Heat");
  CHECK(format.reply("cut") == "cut");
  folder.put("chat_template.jinja", "{{ messages | length }}{{ kind if kind is defined }}{{ bos_token }}\n");
  CHECK(folder.load().render(conversation) == "4<s>");
  CHECK(chat_template::load(folder.path, {{"kind", "x"}}).render({}) == "0x<s>");
}

TEST_CASE("of several templates the default is run") {
  const model_folder folder(
      R"({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})");
  CHECK(folder.load().render({}) == "d");
  CHECK(folder.load().reply("all") == "all");
}

TEST_CASE("what is wrong with a template is said with its file") {
  const auto error_of = [](const std::string& config) {
    try {
      return model_folder(config).load().render({{"user", "Q"}});
    } catch (const std::invalid_argument& problem) {
      return std::string(problem.what());
    }
  };
  CHECK_THAT(error_of("{"), Contains("recllm: chat_template::load: ") && Contains("tokenizer_config.json") &&
                                Contains(": not JSON: "));
  CHECK_THAT(error_of("[]"), Contains("expected an object"));
  CHECK_THAT(error_of("{}"), Contains(": no chat_template; is it a model for chat?"));
  CHECK_THAT(error_of(R"({"chat_template": 3})"), Contains(": no chat_template; is it"));
  CHECK_THAT(error_of(R"({"chat_template": [{"name": "rag", "template": "t"}, 3]})"),
             Contains(": no chat_template called 'default'; there are: rag, ; is it"));
  CHECK_THAT(error_of(R"({"chat_template": "{% if x %}"})"), Contains("recllm: chat_template::load: "));
  CHECK_THAT(error_of(R"({"chat_template": "{{ raise_exception('Roles must alternate') }}"})"),
             Contains("recllm: chat_template::render: ") && Contains("Roles must alternate"));
  CHECK_THROWS_WITH(
      chat_template::load("/nowhere"),
      "recllm: chat_template::load: cannot read \"/nowhere/tokenizer_config.json\"; is the folder that "
      "of a model for transformers?");
}

// Rendered by Python's jinja2 3.1.6, in the environment that transformers makes.
TEST_CASE("Qwen's own templates are rendered as transformers renders them") {
  if (const auto qwen2 = shared_file("data/tokenizers/qwen2_small")) {
    const chat_template format = chat_template::load(*qwen2);
    CHECK(format.render(conversation) == chatml.render(conversation));
    chat_format with_system = chatml;
    with_system.default_system = "You are a helpful assistant.";
    CHECK(format.render({{"user", " Hi\n"}}) == with_system.render({{"user", " Hi\n"}}));
    CHECK(format.reply("Heat<|im_end|>") == "Heat");
  }
  if (const auto qwen3 = shared_file("data/tokenizers/qwen3_real")) {
    CHECK(
        chat_template::load(*qwen3).render(conversation) ==
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nR<|im_end|>\n"
        "<|im_start|>user\nM <|im_end|>\n<|im_start|>assistant\n");
    CHECK(chat_template::load(*qwen3, {{"enable_thinking", false}}).render({{"user", "Q"}}) ==
          "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n");
  }
}
