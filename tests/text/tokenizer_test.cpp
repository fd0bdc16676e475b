#include <recllm/text/tokenizer.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;

namespace {

word_level_tokenizer films() {
  return word_level_tokenizer::build(
      {"user", "recommend", "films", "sees", "Drama", "item_1", "item_10", "caf\u00e9", "\"it's\"", "\\"},
      {"<|im_start|>", "<|im_end|>", "<think>", "</think>", "<answer>", "</answer>"});
}

/// A file that is right but for the parts given.
std::string file_with(const std::string& vocab, const std::string& added = "[]",
                      const std::string& unknown = "\"?\"", const std::string& rest = "") {
  return R"({"version": "1.0", "pre_tokenizer": {"type": "WhitespaceSplit"}, "added_tokens": )" + added +
         rest + R"(, "model": {"type": "WordLevel", "vocab": )" + vocab + R"(, "unk_token": )" + unknown +
         "}}";
}

/// What loading this file says, without the part that every message begins with.
std::string load_error(const std::string& json) {
  const temporary_folder here;
  const std::filesystem::path path = here.path / "tokenizer.json";
  std::ofstream(path) << json;
  try {
    (void)word_level_tokenizer::load(path);
  } catch (const std::invalid_argument& problem) {
    const std::string text = problem.what(),
                      start = "recllm: word_level_tokenizer::load: \"" + path.string() + "\": ";
    return text.starts_with(start) ? text.substr(start.size()) : text;
  }
  return "nothing thrown";
}

}  // namespace

TEST_CASE("ids and text are those of Hugging Face's tokenizers 0.23.3 on the saved file") {
  const temporary_folder here;
  films().save(here.path / "tokenizer.json");
  struct fixture {
    std::string text;
    std::vector<int> ids;
    std::string decoded, without_special;
  };
  const std::vector<fixture> fixtures{{"<|im_start|>user recommend films<|im_end|>",
                                       {0, 7, 8, 9, 1},
                                       "<|im_start|> user recommend films <|im_end|>",
                                       "user recommend films"},
                                      {"<think>sees Drama</think><answer>item_1 item_10</answer>",
                                       {2, 10, 11, 3, 4, 12, 13, 5},
                                       "<think> sees Drama </think> <answer> item_1 item_10 </answer>",
                                       "sees Drama item_1 item_10"},
                                      {" Drama\u00a0item_1\u3000item_10\tfilms ",
                                       {11, 12, 13, 9},
                                       "Drama item_1 item_10 films",
                                       "Drama item_1 item_10 films"},
                                      {"item_1item_10 <unk>x Caf\u00e9 caf\u00e9",
                                       {6, 6, 6, 6, 14},
                                       "<unk> <unk> <unk> <unk> caf\u00e9",
                                       "caf\u00e9"},
                                      {"<|im_start|>", {0}, "<|im_start|>", ""},
                                      {"a\u200bb\x1c"
                                       "c \"it's\" \\",
                                       {6, 15, 16},
                                       "<unk> \"it's\" \\",
                                       "\"it's\" \\"},
                                      {"", {}, "", ""}};
  for (const word_level_tokenizer& t : {films(), word_level_tokenizer::load(here.path / "tokenizer.json"),
                                        word_level_tokenizer::load(here.path)})
    for (const fixture& f : fixtures) {
      CAPTURE(f.text);
      CHECK(t.encode(f.text) == f.ids);
      CHECK(t.decode(f.ids) == f.decoded);
      CHECK(t.decode(f.ids, true) == f.without_special);
    }
}

TEST_CASE("a file written by Hugging Face's tokenizers 0.23.3 is read with the same ids") {
  const temporary_folder here;
  const std::filesystem::path path = here.path / "hf.json";
  std::ofstream(path)
      << R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[)"
      << R"({"id":2,"content":"film","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false},)"
      << R"({"id":4,"content":"item_1","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false},)"
      << R"({"id":5,"content":"<a>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},)"
      << R"({"id":6,"content":"<a><b>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},)"
      << R"({"id":7,"content":"item_","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false}],)"
      << R"("normalizer":null,"pre_tokenizer":{"type":"WhitespaceSplit"},"post_processor":null,"decoder":null,)"
      << R"("model":{"type":"WordLevel","vocab":{"?":0,"films":1,"film":2,"s":3,"item_1":4},"unk_token":"?"}})";
  const word_level_tokenizer first = word_level_tokenizer::load(path);
  first.save(path);
  for (const word_level_tokenizer& t : {first, word_level_tokenizer::load(path)}) {
    CHECK(t.vocab_size() == 8);
    CHECK(t.encode("films film item_1 item_10") == std::vector{2, 3, 2, 7, 0, 7, 0});
    CHECK(t.encode("<a><b><a>x<a>") == std::vector{6, 5, 0, 5});
    CHECK(t.decode(std::vector{6, 5, 0, 5}, true) == "?");
    CHECK(t.encode("films<a>s") == std::vector{2, 3, 5, 3});
    CHECK(t.encode("item_item_1") == std::vector{7, 7, 0});
    CHECK(t.decode(std::vector{1, 99, 2}) == "films film");
  }
}

TEST_CASE("the vocabulary: special tokens, unknown token, words") {
  const word_level_tokenizer t = word_level_tokenizer::build({"a", "b"}, {"<s>"}, "[UNK]");
  CHECK(t.vocab_size() == 4);
  CHECK(t.token_to_id("<s>") == 0);
  CHECK(t.token_to_id("[UNK]") == 1);
  CHECK(t.unknown_id() == 1);
  CHECK(t.token_to_id("a") == 2);
  CHECK(t.token_to_id("c") == std::nullopt);
  CHECK(t.id_to_token(3) == "b");
  CHECK(t.id_to_token(4) == std::nullopt);
  CHECK(t.id_to_token(-1) == std::nullopt);
  CHECK(t.encode("a c b") == std::vector{2, 1, 3});
  CHECK(t.decode(std::vector{2, 4, 1000, 3}) == "a b");
  const word_level_tokenizer listed = word_level_tokenizer::build({"a"}, {"<unk>", "<s>"});
  CHECK(listed.unknown_id() == 0);
  CHECK(listed.vocab_size() == 3);
  CHECK(word_level_tokenizer::build({}, {}).encode("a \u2028 b") == std::vector{0, 0});
}

TEST_CASE("text of random words comes back with single spaces, also through a file") {
  const std::uint64_t seed = 31337;
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::vector<std::string> letters{"a", "b", "Z", "9",      "_",      "-",          "\"",  "\\",
                                         "/", "{", "<", "\u00e9", "\u7535", "\U0001F3AC", "\x01"};
  std::vector<std::string> words;
  while (words.size() < 300) {
    std::string word = std::to_string(words.size());  // makes it unique
    for (std::size_t more = rng.below(5); more > 0; --more) word += letters[rng.below(letters.size())];
    words.push_back(word);
  }
  const word_level_tokenizer built = word_level_tokenizer::build(words, {"<|x|>", "<think>"});
  const temporary_folder here;
  built.save(here.path / "tokenizer.json");
  const word_level_tokenizer loaded = word_level_tokenizer::load(here.path);
  REQUIRE(loaded.vocab_size() == 303);
  const std::vector<std::string> gaps{" ", "  ", "\n", "\t", "\r\n", "\u00a0", "\u2003", "\u3000"};
  for (int round = 0; round < 300; ++round) {
    std::string text, expected;
    std::vector<int> ids;
    for (std::size_t left = rng.below(20); left > 0; --left) {
      const std::size_t which = rng.below(words.size());
      const bool special = rng.below(4) == 0;
      text += (special ? "<think>" : words[which] + gaps[rng.below(gaps.size())]);
      expected += (expected.empty() ? "" : " ") + (special ? "<think>" : words[which]);
      ids.push_back(special ? 1 : static_cast<int>(which) + 3);
    }
    CAPTURE(text);
    REQUIRE(built.encode(text) == ids);
    REQUIRE(built.decode(ids) == expected);
    REQUIRE(built.encode(expected) == ids);
    REQUIRE(loaded.encode(text) == ids);
    REQUIRE(loaded.decode(ids) == expected);
  }
}

TEST_CASE("any bytes can be encoded") {
  const std::uint64_t seed = 8;
  INFO("seed " << seed);
  random_stream rng(seed);
  const word_level_tokenizer t = films();
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::size_t left = rng.below(30); left > 0; --left)
      text += rng.below(5) == 0 ? "<think"[rng.below(6)] : static_cast<char>(rng.below(256));
    for (const int id : t.encode(text)) REQUIRE((id >= 0 && static_cast<std::size_t>(id) < t.vocab_size()));
  }
}

TEST_CASE("a vocabulary that could not be read back is refused") {
  const auto build = [](const std::vector<std::string>& words, const std::vector<std::string>& special) {
    return word_level_tokenizer::build(words, special);
  };
  const std::string start = "recllm: word_level_tokenizer::build: ";
  CHECK_THROWS_AS(build({"a", "a"}, {}), std::invalid_argument);
  CHECK_THROWS_WITH(build({"a", "a"}, {}),
                    start + "the word 'a' is in the vocabulary already; give each token once");
  CHECK_THROWS_WITH(build({"<s>"}, {"<s>"}),
                    start + "the word '<s>' is in the vocabulary already; give each token once");
  CHECK_THROWS_WITH(build({}, {"<s>", "<s>"}),
                    start + "the special token '<s>' is in the vocabulary already; give each token once");
  CHECK_THROWS_WITH(build({""}, {}), start + "there is an empty word; a token needs at least one character");
  CHECK_THROWS_WITH(build({}, {""}),
                    start + "there is an empty special token; a token needs at least one character");
  CHECK_THROWS_WITH(word_level_tokenizer::build({}, {}, ""),
                    start + "there is an empty unknown token; a token needs at least one character");
  CHECK_THROWS_WITH(build({"Toy Story"}, {}),
                    start +
                        "the word 'Toy Story' can never be read from text: it holds white "
                        "space or a special token; split it");
  CHECK_THROWS_WITH(build({"a<s>"}, {"<s>"}),
                    start +
                        "the word 'a<s>' can never be read from text: it holds white "
                        "space or a special token; split it");
  CHECK_THROWS_WITH(build({"a", "caf\xe9"}, {}),
                    start + "the word at id 2 is not UTF-8; convert the text that it comes from");
}

TEST_CASE("a negative id is an error") {
  CHECK_THROWS_WITH(films().decode(std::vector{1, -100}),
                    "recllm: word_level_tokenizer::decode: id -100 is negative; is it a padding mark?");
}

TEST_CASE("a save that fails leaves the old file whole") {
  const temporary_folder here;
  const std::filesystem::path path = here.path / "tokenizer.json";
  films().save(path);
  const std::string old = read_file(path);
  if (std::filesystem::exists("/dev/full")) {  // a disk without space
    std::filesystem::create_symlink("/dev/full", here.path / "tokenizer.json.partial");
    CHECK_THROWS_WITH(word_level_tokenizer::build({}, {}).save(path),
                      Catch::Contains("No space left on device"));
    CHECK(read_file(path) == old);
  }
  CHECK_THROWS_WITH(films().save(here.path / "none" / "tokenizer.json"),
                    Catch::Contains("none/tokenizer.json") && Catch::Contains("No such file or directory"));
}

TEST_CASE("a file that cannot be used is named with its field") {
  CHECK_THROWS_AS(word_level_tokenizer::load("none.json"), std::invalid_argument);
  CHECK_THROWS_WITH(
      word_level_tokenizer::load("none.json"),
      "recllm: word_level_tokenizer::load: \"none.json\": cannot open the file; is it there and readable?");
  CHECK(load_error("").starts_with("not JSON: "));
  CHECK(load_error("{\"version\": \"1.0\",\n").starts_with("not JSON: "));
  CHECK(load_error("{\"version\": \"1.0\",\n oops}").find("line 2") != std::string::npos);
  CHECK(load_error("[]") == "version is null; expected \"1.0\"");
  CHECK(load_error(R"({"version": "2.0"})") == "version is \"2.0\"; expected \"1.0\"");
  CHECK(load_error(R"({"version": "1.0", "model": {"type": "BPE"}})") ==
        "model.type is \"BPE\"; expected \"WordLevel\"");
  CHECK(load_error(R"({"version": "1.0"})") == "model.type is null; expected \"WordLevel\"");
  CHECK(
      load_error(
          R"({"version": "1.0", "model": {"type": "WordLevel"}, "pre_tokenizer": {"type": "ByteLevel"}})") ==
      "pre_tokenizer.type is \"ByteLevel\"; expected \"WhitespaceSplit\"");
  CHECK(load_error(file_with(R"({"?": 0})")) == "nothing thrown");
  for (const std::string field : {"truncation", "padding", "normalizer", "post_processor", "decoder"})
    CHECK(load_error(file_with(R"({"?": 0})", "[]", "\"?\"", ", \"" + field + "\": {\"type\": \"X\"}")) ==
          field + " is set; this tokenizer has none: expected null");
}

TEST_CASE("a list deeper than the stack is refused like any other") {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  CHECK(load_error("{\"version\": " + deep + "}") == "version is array; expected \"1.0\"");
  CHECK(load_error(file_with("{\"?\": " + deep + "}")) ==
        "model.vocab: the id of '?' is array; expected a whole number from 0");
  CHECK(load_error(file_with("{\"?\": 0}", "[]", deep)) ==
        "model.unk_token is array; expected a word of model.vocab");
}

TEST_CASE("a faulty vocabulary is named with its field") {
  CHECK(load_error(file_with("null")) == "model.vocab is missing; expected an object of words and ids");
  CHECK(load_error(file_with("[1]")) == "model.vocab is array; expected an object of words and ids");
  CHECK(load_error(file_with(R"({"?": 0, "a": 1, "b": 1})")) ==
        "model.vocab: the id 1 is given to 'a' and to 'b'");
  CHECK(load_error(file_with(R"({"?": 0, "a": 2})")) ==
        "model.vocab: the id of 'a' is 2, but there are 2 tokens; ids must count from 0 without a gap");
  CHECK(load_error(file_with(R"({"?": 0, "a": 18446744073709551615})")) ==
        "model.vocab: the id of 'a' is 18446744073709551615, but there are 2 tokens; ids must count from 0 "
        "without a gap");
  for (const std::string id : {"-1", "1.0", "\"1\"", "null"})
    CHECK(load_error(file_with(R"({"?": 0, "a": )" + id + "}")) ==
          "model.vocab: the id of 'a' is " + id + "; expected a whole number from 0");
  CHECK(load_error(file_with(R"({"a": 0})")) == "model.unk_token is \"?\"; expected a word of model.vocab");
  CHECK(load_error(file_with(R"({"a": 0})", "[]", "null")) ==
        "model.unk_token is null; expected a word of model.vocab");
}

TEST_CASE("faulty added tokens are named") {
  const auto added = [](const std::string& entry) {
    return load_error(file_with(R"({"?": 0})", "[" + entry + "]"));
  };
  CHECK(load_error(file_with(R"({"?": 0})", "5")) == "added_tokens is not a list");
  CHECK(added(R"({"id": 1})") == "an entry of added_tokens has no content");
  CHECK(added(R"({"id": 1, "content": ""})") == "an entry of added_tokens has no content");
  CHECK(added("7") == "an entry of added_tokens has no content");
  CHECK(added(R"({"id": 1, "content": "x"})") == "nothing thrown");
  CHECK(added(R"({"content": "x"})") ==
        "added_tokens: the id of 'x' is null; expected a whole number from 0");
  CHECK(added(R"({"id": 0, "content": "x"})") == "added_tokens: the id 0 is given to '?' and to 'x'");
  CHECK(added(R"({"id": 5, "content": "x"})") ==
        "added_tokens: the id of 'x' is 5, but there are 2 tokens; ids must count from 0 without a gap");
  CHECK(added(R"({"id": 3, "content": "?"})") == "added_tokens: the id of '?' is 3; it has 0 already");
  CHECK(added(R"({"id": 1, "content": "x"}, {"id": 1, "content": "x"})") == "nothing thrown");
  CHECK(added(R"({"id": 1, "content": "x"}, {"id": 2, "content": "x"})") ==
        "added_tokens: the id of 'x' is 2; it has 1 already");
  for (const std::string option : {"single_word", "lstrip", "rstrip"})
    CHECK(added(R"({"id": 1, "content": "x", ")" + option + "\": true}") ==
          "added_tokens: " + option + " of 'x' is true; expected false");
}
