// tokenizer.json, and text to ids and back. Input: the file, a text; words and special tokens, a line each.
#include <algorithm>

#include <recllm/text/tokenizer.hpp>

#include "fuzz/fuzz.hpp"

using namespace recllm;
using fuzz::expect;

namespace {

void check(const word_level_tokenizer& read, const std::string& text) {
  const std::vector<int> ids = read.encode(text);
  for (const int id : ids) {
    expect(id >= 0 && static_cast<std::size_t>(id) < read.vocab_size(), "id ", id, " of ", read.vocab_size());
    const auto token = read.id_to_token(id);
    expect(token && read.token_to_id(*token) == id, "id ", id, " is of no token");
  }
  (void)read.decode(ids);
  (void)read.decode(ids, true);

  const fuzz::file saved("saved.json");
  read.save(saved.path());
  const auto again = word_level_tokenizer::load(saved.path());
  expect(again.vocab_size() == read.vocab_size(), "saved with ", again.vocab_size(), " tokens");
  expect(again.unknown_id() == read.unknown_id(), "saved with another unknown token");
  expect(again.encode(text) == ids, "what was saved encodes otherwise");
  expect(again.decode(ids, true) == read.decode(ids, true), "what was saved decodes otherwise");
}

bool holds_white_space(const std::string& token) {
  for (std::size_t at = 0; at < token.size(); ++at)
    if (detail::white_space_at(token, at) > 0) return true;
  return false;
}

/// In a vocabulary whose tokens hold no white space a text is ids, and these a text that is the same ids.
void check_round_trip(const word_level_tokenizer& built, const std::string& text,
                      const std::vector<std::string>& words) {
  const std::vector<int> ids = built.encode(text);
  expect(built.encode(built.decode(ids)) == ids, "other ids after decoding");
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : " ") + word;
  expect(built.decode(built.encode(joined)) == joined, "other words after decoding");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 4);
  const fuzz::file json("tokenizer.json");
  json.write(texts[0]);
  const auto read = fuzz::attempt([&] { return word_level_tokenizer::load(fuzz::file::folder()); });
  if (read.value) check(*read.value, texts[1]);

  const std::vector<std::string> words = fuzz::lines(texts[2]), special = fuzz::lines(texts[3]);
  const auto built = fuzz::attempt([&] { return word_level_tokenizer::build(words, special); });
  if (!built.value) return 0;
  check(*built.value, texts[1]);
  if (std::ranges::none_of(special, holds_white_space)) check_round_trip(*built.value, texts[1], words);
  return 0;
}
