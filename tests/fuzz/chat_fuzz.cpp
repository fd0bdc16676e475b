// Conversations: the input is messages, each after its role.
#include <recllm/prompt.hpp>
#include <recllm/text/chat.hpp>

#include "fuzz.hpp"

using namespace recllm;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parts = fuzz::parts_of(fuzz::text_of(data, size), 2);
  std::vector<chat_message> messages;
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) messages.push_back({parts[i], parts[i + 1]});
  for (const chat_format& format : {chatml, plain_chat, deepseek_r1, llama3}) {
    fuzz::may_refuse([&] {
      const std::string text = format.render(messages);
      fuzz::promise(text.ends_with(format.reply_start), "the generation prompt comes last");
      fuzz::promise(format.render(messages, false).size() + format.reply_start.size() == text.size(),
                    "and is all that it adds");
    });
    const std::string_view said = format.reply(parts[0]);
    fuzz::promise(said.size() <= parts[0].size() && parts[0].starts_with(said), "a reply is a beginning");
    fuzz::promise(format.reply_end.empty() || said.find(format.reply_end) == said.npos, "without its end");
  }
  return 0;
}
