// Chat formats: a conversation as text, taken apart again by the format's own tokens; and replies. Input: a
// message a text, the role on its first line.
#include <algorithm>
#include <set>

#include <recllm/text/chat.hpp>

#include "fuzz/fuzz.hpp"

using namespace recllm;
using fuzz::expect;

namespace {

const std::set<std::string> known_roles{"system", "user", "assistant"};

/// As Python's str.strip() has it.
constexpr std::string_view white_space[] = {
    " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\x1c",   "\x1d",   "\x1e",   "\x1f",
    "\u0085", "\u00A0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
    "\u2007", "\u2008", "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"};

/// What a message's content becomes in the text, by the words of chat_format.
std::string told(const chat_format& format, const chat_message& message) {
  std::string content = message.content;
  const std::size_t thought = content.rfind(format.reasoning_end);
  if (message.role == "assistant" && !format.reasoning_end.empty() && thought != std::string::npos)
    content.erase(0, thought + format.reasoning_end.size());
  for (bool found = format.strip; found;) {
    found = false;
    for (const std::string_view space : white_space) {
      if (content.starts_with(space)) content.erase(0, space.size()), found = true;
      if (content.ends_with(space)) content.resize(content.size() - space.size()), found = true;
    }
  }
  return content;
}

bool speaks_for_another(const chat_format& format, const std::string& content) {
  for (const chat_frame& frame : {format.system, format.user, format.assistant})
    for (const std::string_view token : {frame.before, frame.after})
      if (!token.empty() && content.find(token) != std::string::npos) return true;
  return false;
}

/// The messages of a text whose contents hold no token of the format. A frame without end ends at the next
/// one.
std::vector<chat_message> read_back(const chat_format& format, std::string_view text) {
  std::vector<chat_message> messages;
  while (!text.empty()) {
    chat_message next;
    std::string_view after;
    for (const auto& [role, frame] :
         {std::pair{"user", format.user}, {"assistant", format.assistant}, {"system", format.system}})
      if (next.role.empty() && text.starts_with(frame.before)) {
        next.role = role;
        text.remove_prefix(frame.before.size());
        after = frame.after;
      }
    std::size_t end = after.empty() ? text.size() : text.find(after);
    if (after.empty())
      for (const chat_frame& frame : {format.user, format.assistant})
        end = std::min(end, text.find(frame.before));
    expect(end != std::string_view::npos, "a message without end: ", text);
    next.content = text.substr(0, end);
    text.remove_prefix(end + after.size());
    messages.push_back(std::move(next));
  }
  return messages;
}

void check(const chat_format& format, const std::vector<chat_message>& messages) {
  const auto text = fuzz::attempt([&] { return format.render(messages, false); });
  bool good = std::ranges::all_of(messages, [](const auto& m) { return known_roles.contains(m.role); });
  for (std::size_t i = 1; i < messages.size(); ++i)
    good = good && !(format.system_in_front && messages[i].role == "system");
  expect(text.value.has_value() == good, "refused: ", text.refusal);
  if (!good) return;
  expect(format.render(messages) == *text.value + std::string(format.reply_start),
         "another generation prompt");
  if (std::ranges::any_of(messages, [&](const auto& m) { return speaks_for_another(format, m.content); }))
    return;
  std::vector<chat_message> written =
      messages;  // DeepSeek's system message has no tokens: an empty one is nothing
  const bool framed = !format.system.before.empty();
  std::erase_if(written, [&](const auto& m) { return m.role == "system" && m.content.empty() && !framed; });
  expect(text.value->starts_with(format.start), "no start");
  const auto again = read_back(format, std::string_view(*text.value).substr(format.start.size()));
  expect(again.size() == written.size(), again.size(), " messages of ", written.size());
  for (std::size_t i = 0; i < written.size(); ++i)
    expect(again[i].role == written[i].role && again[i].content == told(format, written[i]), "message ", i,
           " of\n", *text.value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view input = fuzz::text(bytes, size);
  std::vector<chat_message> messages;
  for (const std::string& text : fuzz::texts(input, 1)) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    messages.push_back({text.substr(0, end), text.substr(std::min(end + 1, text.size()))});
  }
  for (const chat_format& format : {chatml, deepseek_r1, llama3, plain_chat}) {
    check(format, messages);
    const std::string_view reply = format.reply(input);
    expect(reply.data() == input.data() && reply.find(format.reply_end) == std::string_view::npos, "reply");
    expect(reply == input || input.substr(reply.size()).starts_with(format.reply_end), "reply: ", reply);
  }
  return 0;
}
