#include <recllm/text/chat.hpp>

#include <stdexcept>
#include <string>

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
