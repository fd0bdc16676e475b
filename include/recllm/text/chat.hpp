// A conversation as the text that a chat model was trained on: roles and special tokens.
//
// A format is data. Sources: ChatML as in Qwen2's chat template (Yang et al., arXiv 2407.10671).
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <recllm/core/check.hpp>

namespace recllm {

/// One message of a conversation.
struct chat_message {
  std::string role;  ///< system, user or assistant
  std::string content;
};

/// What a chat format writes around the content of a message.
struct chat_frame {
  std::string_view before;
  std::string_view after;
};

/// How a family of models spells a conversation. Borrows its strings: make it of literals.
struct chat_format {
  std::string_view start{};  ///< once, before everything
  std::string_view
      default_system{};  ///< content of a system message put first where there is none; empty = none
  chat_frame system, user, assistant;
  std::string_view reply_start{};  ///< the generation prompt: what the model goes on from
  std::string_view reply_end{};    ///< what the model writes when it is done; empty = nothing

  /// The conversation as text; with `open_reply`, ended by the generation prompt. Content is taken as it is:
  /// what must not speak for another role must not hold the format's own tokens. Throws std::invalid_argument
  /// for a role other than system, user and assistant.
  [[nodiscard]] std::string render(const std::vector<chat_message>& messages, bool open_reply = true) const {
    std::string text(start);
    if (!default_system.empty() && (messages.empty() || messages.front().role != "system"))
      write(text, system, default_system);
    for (std::size_t i = 0; i < messages.size(); ++i)
      write(text, frame(messages[i].role, i), messages[i].content);
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
    return role == "system" ? system : role == "user" ? user : assistant;
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

/// For models without special tokens: "System: ...", "User: ...", "Assistant: ...", a line end after each
/// message.
inline constexpr chat_format plain_chat{.system = {"System: ", "\n"},
                                        .user = {"User: ", "\n"},
                                        .assistant = {"Assistant: ", "\n"},
                                        .reply_start = "Assistant:",
                                        .reply_end = "\nUser:"};

}  // namespace recllm
