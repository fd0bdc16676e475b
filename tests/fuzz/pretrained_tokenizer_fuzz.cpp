// tokenizer.json of pretrained models, text to ids and back. Input: the file, a text, tokens to add, a line
// each.
#include <recllm/text/pretrained_tokenizer.hpp>
#include <recllm/text/stream_decoder.hpp>

#include "fuzz/fuzz.hpp"

using namespace recllm;
using fuzz::expect;

namespace {

/// Text is whole characters.
void check_decoding(const pretrained_tokenizer& t, const std::vector<int>& ids) {
  const auto whole = fuzz::attempt([&] { return t.decode(ids); });
  if (whole.value) expect(detail::is_utf8(*whole.value), "decoded to what is not UTF-8");
  (void)fuzz::attempt([&] {
    stream_decoder stream(t, true);
    std::string joined;
    for (const int id : ids) joined += stream.push(id);
    return joined + stream.finish();
  });
}

void check(pretrained_tokenizer& t, const std::string& text, const std::vector<std::string>& more) {
  (void)fuzz::attempt([&] { return t.add_tokens(more); });
  const auto ids = fuzz::attempt([&] { return t.encode(text, true); });
  if (ids.value) {
    for (const int id : *ids.value)
      expect(id >= 0 && static_cast<std::size_t>(id) < t.vocab_size(), "id ", id, " of ", t.vocab_size());
    check_decoding(t, *ids.value);
  }
  check_decoding(t, {0, 1, 2, 3, 300});

  const fuzz::file saved("saved.json");
  t.save(saved.path());
  const auto again = pretrained_tokenizer::load(saved.path());
  expect(again.vocab_size() == t.vocab_size(), "saved with ", again.vocab_size(), " tokens");
  const auto same = fuzz::attempt([&] { return again.encode(text, true); });
  expect(same.value == ids.value, "what was saved encodes otherwise");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 3);
  const fuzz::file json("tokenizer.json");
  json.write(texts[0]);
  auto read = fuzz::attempt([&] { return pretrained_tokenizer::load(json.path()); });
  if (read.value) check(*read.value, texts[1], fuzz::lines(texts[2]));
  return 0;
}
