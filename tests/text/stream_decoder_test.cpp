#include <recllm/text/stream_decoder.hpp>

#include <string>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/text/pretrained_tokenizer.hpp>
#include <recllm/text/tokenizer/utf8_repair.hpp>

#include "support/catch.hpp"
#include "text/small_tokenizers.hpp"

using namespace recllm;
using namespace small_tokenizers;

TEST_CASE("a character comes when its last byte does") {
  const pretrained_tokenizer t = loaded(byte_level());
  stream_decoder stream(t);
  std::vector<std::string> texts;
  for (const int id : t.encode("hello \U0001F468\u200dx")) texts.push_back(stream.push(id));
  CHECK(texts == std::vector<std::string>{"hello", " ", "", "", "", "\U0001F468", "", "", "\u200d", "x"});
  CHECK(stream.finish().empty());
  CHECK(stream.push(195).empty());
  CHECK(stream.finish() == "\uFFFD");
  CHECK(stream.push(104) == "h");
}

TEST_CASE("spaces at the beginning are those of the whole text") {
  const pretrained_tokenizer t = loaded(sentence_pieces());
  stream_decoder stream(t, true);
  std::vector<std::string> texts;
  for (const int id : t.encode("a a \u4f60b", true)) texts.push_back(stream.push(id));
  CHECK(texts == std::vector<std::string>{"", "a", " a", " ", "", "", "", "\u4f60b"});
}

TEST_CASE("joined, what comes is decode() of all, and never a broken character") {
  const std::uint64_t seed = 12;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (const pretrained_tokenizer& t : {loaded(byte_level()), loaded(sentence_pieces())})
    for (int round = 0; round < 1000; ++round) {
      std::vector<int> ids;
      const bool skip = rng.below(2) == 0;
      for (std::size_t left = rng.below(20); left > 0; --left)
        ids.push_back(
            static_cast<int>(rng.below(4) == 0 ? rng.below(t.vocab_size() + 2) : 224 + rng.below(48)));
      stream_decoder stream(t, skip);
      std::string joined;
      for (const int id : ids) {
        const std::string text = stream.push(id);
        REQUIRE(detail::is_utf8(text));
        joined += text;
      }
      joined += stream.finish();
      REQUIRE(joined == t.decode(ids, skip));
    }
}
