// Conversations in every chat format: the input is roles and contents in turn.
#include <recllm/text/chat.hpp>

#include "fuzz.hpp"

using namespace recllm;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto texts = fuzz::texts(fuzz::text(data, size), 2);
  std::vector<chat_message> messages;
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2) messages.push_back({texts[i], texts[i + 1]});
  for (const chat_format& format : {chatml, plain_chat, deepseek_r1, llama3}) {
    const auto open = fuzz::attempt([&] { return format.render(messages); });
    const auto closed = fuzz::attempt([&] { return format.render(messages, false); });
    fuzz::expect(open.value.has_value() == closed.value.has_value(),
                 "refused with and without a reply alike");
    if (open.value)
      fuzz::expect(*open.value == *closed.value + std::string(format.reply_start),
                   "the generation prompt is all that an open reply adds");
    const std::string_view said = format.reply(texts[0]);
    fuzz::expect(texts[0].starts_with(said), "a reply is a beginning of what was said");
    fuzz::expect(format.reply_end.empty() || said.find(format.reply_end) == said.npos, "without its end");
  }
  return 0;
}
