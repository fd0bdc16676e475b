// A conversation as the text that a chat model was trained on: roles and special tokens.
//
// A format is data. Sources, the chat_template in tokenizer_config.json of: Qwen2-0.5B-Instruct,
// DeepSeek-R1-Distill-Qwen-7B, Meta-Llama-3-8B-Instruct. For any other model there is text/chat_template.hpp,
// which runs the model folder's own template.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/text/tokenizer/concept.hpp>
#include <recllm/text/white_space.hpp>

namespace recllm {

/// One message of a conversation.
struct chat_message {
  std::string role;  ///< system, user or assistant
  std::string content;
};

/// What a chat format writes around the content of a message.
struct chat_frame {
  std::string_view before{};
  std::string_view after{};
};

/// How a family of models spells a conversation. Borrows its strings: make it of literals.
struct chat_format {
  std::string_view start{};  ///< once, before everything
  std::string_view
      default_system{};  ///< content of a system message put first where there is none; empty = none
  chat_frame system{}, user{}, assistant{};
  std::string_view reply_start{};    ///< the generation prompt: what the model goes on from
  std::string_view reply_end{};      ///< what the model writes when it is done; empty = nothing
  std::string_view reasoning_end{};  ///< earlier replies are told from after the last of these; empty = whole
  bool strip = false;                ///< content is written without the white space around it
  bool system_in_front = false;      ///< a system message may only be the first message

  /// The conversation as text; with `open_reply`, ended by the generation prompt. The text holds the token
  /// that begins a sequence, if the model has one: encode it without adding special tokens. Content is not
  /// escaped: what must not speak for another role must not hold the format's own tokens. Throws
  /// std::invalid_argument for a role other than system, user and assistant, and for a misplaced system
  /// message.
  [[nodiscard]] std::string render(const std::vector<chat_message>& messages, bool open_reply = true) const {
    std::string text(start);
    if (!default_system.empty() && (messages.empty() || messages.front().role != "system"))
      write(text, system, default_system);
    for (std::size_t i = 0; i < messages.size(); ++i)
      write(text, frame(messages[i].role, i), told(messages[i]));
    if (open_reply) text += reply_start;
    return text;
  }

  /// What the model said: `completion` up to the first reply_end, all of it where there is none. Borrows.
  [[nodiscard]] std::string_view reply(std::string_view completion) const {
    return reply_end.empty() ? completion : completion.substr(0, completion.find(reply_end));
  }

 private:
  static void write(std::string& text, chat_frame around, std::string_view content) {
    text += around.before;
    text += content;
    text += around.after;
  }

  [[nodiscard]] chat_frame frame(std::string_view role, std::size_t place) const {
    require(role == "system" || role == "user" || role == "assistant",
            "recllm: chat_format::render: message ", place, " has role '", role,
            "'; expected system, user or assistant");
    require(role != "system" || place == 0 || !system_in_front, "recllm: chat_format::render: message ",
            place, " is a system message; this format has room for one, in front: join them");
    return role == "system" ? system : role == "user" ? user : assistant;
  }

  /// What of a message is written.
  [[nodiscard]] std::string_view told(const chat_message& message) const {
    std::string_view content = message.content;
    if (message.role == "assistant" && !reasoning_end.empty())
      if (const std::size_t last = content.rfind(reasoning_end); last != std::string_view::npos)
        content.remove_prefix(last + reasoning_end.size());
    return strip ? detail::stripped(content) : content;
  }
};

/// Satisfied by `f.render(messages)`, the conversation as text with the generation prompt, and
/// `f.reply(completion)`.
template <class F>
concept ChatFormat = requires(const F& f, const std::vector<chat_message>& messages,
                              std::string_view completion) {
  { f.render(messages) } -> std::convertible_to<std::string>;
  { f.reply(completion) } -> std::convertible_to<std::string_view>;
};
static_assert(ChatFormat<chat_format>);

/// ChatML, spoken by Qwen: <|im_start|>role, line end, content, <|im_end|>, line end.
inline constexpr chat_format chatml{.system = {"<|im_start|>system\n", "<|im_end|>\n"},
                                    .user = {"<|im_start|>user\n", "<|im_end|>\n"},
                                    .assistant = {"<|im_start|>assistant\n", "<|im_end|>\n"},
                                    .reply_start = "<|im_start|>assistant\n",
                                    .reply_end = "<|im_end|>"};

/// DeepSeek-R1 and its distilled Qwen and Llama models. The prompt opens the reasoning: a completion begins
/// inside <think>. Earlier replies are told without their reasoning.
inline constexpr chat_format deepseek_r1{
    .start = "<\uFF5Cbegin\u2581of\u2581sentence\uFF5C>",
    .user = {"<\uFF5CUser\uFF5C>", ""},
    .assistant = {"<\uFF5CAssistant\uFF5C>", "<\uFF5Cend\u2581of\u2581sentence\uFF5C>"},
    .reply_start = "<\uFF5CAssistant\uFF5C><think>\n",
    .reply_end = "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
    .reasoning_end = "</think>",
    .system_in_front = true};

/// Llama 3. Llama 3.1 and later put dates into a system message of their own: run their chat_template.
inline constexpr chat_format llama3{
    .start = "<|begin_of_text|>",
    .system = {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
    .user = {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
    .assistant = {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
    .reply_start = "<|start_header_id|>assistant<|end_header_id|>\n\n",
    .reply_end = "<|eot_id|>",
    .strip = true};

/// For models without special tokens: "System: ...", "User: ...", "Assistant: ...", a line end after each
/// message.
inline constexpr chat_format plain_chat{.system = {"System: ", "\n"},
                                        .user = {"User: ", "\n"},
                                        .assistant = {"Assistant: ", "\n"},
                                        .reply_start = "Assistant:",
                                        .reply_end = "\nUser:"};

/// The format whose special tokens a model's vocabulary holds: what the model was trained on; plain_chat
/// where it holds none of them.
template <Tokenizer T>
[[nodiscard]] const chat_format& chat_format_of(const T& tokenizer) {
  const auto knows = [&](const char* token) { return tokenizer.token_to_id(token).has_value(); };
  return knows("<|start_header_id|>")       ? llama3
         : knows("<\uFF5CAssistant\uFF5C>") ? deepseek_r1
         : knows("<|im_start|>")            ? chatml
                                            : plain_chat;
}

}  // namespace recllm
