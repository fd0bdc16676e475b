#include <recllm/text/chat.hpp>

#include <stdexcept>
#include <string>

#include <recllm/text/tokenizer.hpp>

#include "support/catch.hpp"

using namespace recllm;

TEST_CASE("ChatML is spelt as Qwen's chat template spells it") {
  CHECK(chatml.render({{"system", "You recommend films."}, {"user", "Hi"}}) ==
        "<|im_start|>system\nYou recommend "
        "films.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  CHECK(chatml.render({{"user", "Hi"}, {"assistant", "Heat"}, {"user", "More"}}, false) ==
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHeat<|im_end|>\n<|im_start|>user\nMore<|im_"
        "end|>\n");
  CHECK(chatml.render({{"user", ""}}, false) == "<|im_start|>user\n<|im_end|>\n");
  CHECK(chatml.render({}, false).empty());
  CHECK(chatml.render({}) == "<|im_start|>assistant\n");
}

TEST_CASE("a format with a default system message puts it first where there is none") {
  chat_format qwen2 = chatml;
  qwen2.default_system = "You are a helpful assistant.";
  CHECK(qwen2.render({{"user", "Hi"}}, false) ==
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
  CHECK(qwen2.render({{"system", "Short."}, {"user", "Hi"}}, false) ==
        "<|im_start|>system\nShort.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
}

TEST_CASE("plain chat has no special tokens") {
  CHECK(
      plain_chat.render({{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Heat"}, {"user", "More"}}) ==
      "System: Be brief.\nUser: Hi\nAssistant: Heat\nUser: More\nAssistant:");
}

TEST_CASE("another format is data: one whose roles end differently") {
  constexpr chat_format other{.start = "<s>",
                              .system = {"", ""},
                              .user = {"[U]", ""},
                              .assistant = {"[A]", "</s>"},
                              .reply_start = "[A]<think>\n",
                              .reply_end = "</s>"};
  CHECK(other.render({{"system", "S"}, {"user", "Q"}, {"assistant", "R"}, {"user", "T"}}) ==
        "<s>S[U]Q[A]R</s>[U]T[A]<think>\n");
}

TEST_CASE("a reply ends where the model says so") {
  CHECK(chatml.reply("Heat<|im_end|>\n<|im_start|>user") == "Heat");
  CHECK(chatml.reply("cut off") == "cut off");
  CHECK(chatml.reply("").empty());
  CHECK(plain_chat.reply(" Heat\nUser: and") == " Heat");
  CHECK(chat_format{}.reply("all") == "all");
}

TEST_CASE("an unknown role is an error that names the message") {
  CHECK_THROWS_AS(chatml.render({{"user", "Hi"}, {"tool", "x"}}), std::invalid_argument);
  CHECK_THROWS_WITH(
      chatml.render({{"user", "Hi"}, {"tool", "x"}}),
      "recllm: chat_format::render: message 1 has role 'tool'; expected system, user or assistant");
}

// Rendered by Python's jinja2 3.1.6 (ImmutableSandboxedEnvironment, trim_blocks, lstrip_blocks, as
// transformers does) from the chat_template of DeepSeek-R1-Distill-Qwen-7B.
TEST_CASE("DeepSeek-R1 is spelt as its chat template spells it") {
  CHECK(deepseek_r1.render({{"system", "You recommend films."}, {"user", "Hi"}}) ==
        "<｜begin▁of▁sentence｜>You recommend films.<｜User｜>Hi<｜Assistant｜><think>\n");
  CHECK(deepseek_r1.render({{"user", "  Hi\n"}}, false) == "<｜begin▁of▁sentence｜><｜User｜>  Hi\n");
  CHECK(deepseek_r1.render({{"system", " S "},
                            {"user", "Q"},
                            {"assistant", "<think>\nwhy\n</think>\n\nHeat \n"},
                            {"user", "More"}}) ==
        "<｜begin▁of▁sentence｜> S <｜User｜>Q<｜Assistant｜>\n\nHeat \n<｜end▁of▁sentence｜><｜User｜>"
        "More<｜Assistant｜><think>\n");
  CHECK(deepseek_r1.render({{"user", "Q"}, {"assistant", "a</think>b</think>c"}}, false) ==
        "<｜begin▁of▁sentence｜><｜User｜>Q<｜Assistant｜>c<｜end▁of▁sentence｜>");
  CHECK(deepseek_r1.reply("why</think>Heat<｜end▁of▁sentence｜>") == "why</think>Heat");
  CHECK_THROWS_WITH(
      deepseek_r1.render({{"user", "Q"}, {"system", "S"}}),
      "recllm: chat_format::render: message 1 is a system message; this format has room for one, in "
      "front: join them");
}

// The same from the chat_template of Meta-Llama-3-8B-Instruct, whose trim is Python's str.strip().
TEST_CASE("Llama 3 is spelt as its chat template spells it") {
  CHECK(
      llama3.render({{"system", "You recommend films."}, {"user", "Hi"}}) ==
      "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nYou recommend films.<|eot_id|>"
      "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>"
      "\n\n");
  CHECK(llama3.render({{"user", "  Hi\n"}}, false) ==
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>");
  CHECK(llama3.render({{"system", " S "},
                       {"user", "Q"},
                       {"assistant", "<think>\nwhy\n</think>\n\nHeat \n"},
                       {"user", "More\u3000\x1f"}},
                      false) ==
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user"
        "<|end_header_id|>\n\nQ<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n<think>\nwhy\n</"
        "think>"
        "\n\nHeat<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nMore<|eot_id|>");
  CHECK(llama3.reply("Heat<|eot_id|>") == "Heat");
}

TEST_CASE("a vocabulary tells its chat format") {
  const auto format_of = [](const std::string& token) {
    return &chat_format_of(word_level_tokenizer::build({"a"}, {token}, "<unk>"));
  };
  CHECK(format_of("<|im_start|>") == &chatml);
  CHECK(format_of("<|start_header_id|>") == &llama3);
  CHECK(format_of("<\uFF5CAssistant\uFF5C>") == &deepseek_r1);
  CHECK(format_of("b") == &plain_chat);
}

// What str.strip() removes: [c for c in range(0x110000) if not chr(c).strip()] of Python 3.11.
TEST_CASE("content is stripped as Python strips it") {
  std::string blanks;
  for (const char* one :
       {"\t",     "\n",     "\x0b",   "\x0c",   "\r",     "\x1c",   "\x1d",   "\x1e",   "\x1f",   " ",
        "\u0085", "\u00a0", "\u1680", "\u2000", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"})
    blanks += one;
  CHECK(detail::stripped(blanks + "a " + blanks + "b" + blanks) == "a " + blanks + "b");
  CHECK(detail::stripped(blanks).empty());
  CHECK(detail::stripped("").empty());
  for (const char* one : {"\u200b", "\ufeff", "\u180e", "\x85", "\xa0", "\xe2\x80", "\u00e9", "\x1b"})
    CHECK(detail::stripped(one) == one);
}
