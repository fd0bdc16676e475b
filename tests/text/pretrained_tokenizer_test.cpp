#include <recllm/text/pretrained_tokenizer.hpp>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/text/tokenizer.hpp>

#include "support/catch.hpp"
#include "support/shared_files.hpp"
#include "support/temporary_folder.hpp"
#include "text/small_tokenizers.hpp"

using namespace recllm;
using namespace small_tokenizers;

namespace {

struct fixture {
  std::string text;
  std::vector<int> ids;
  std::string decoded, without_special;
};

/// What loading says of a document, without the part that every message begins with.
std::string load_error(const std::string& file) {
  const temporary_folder here;
  const std::filesystem::path path = here.path / "tokenizer.json";
  std::ofstream(path) << file;
  try {
    (void)pretrained_tokenizer::load(path);
  } catch (const std::invalid_argument& problem) {
    const std::string text = problem.what();
    const std::string start = "recllm: pretrained_tokenizer::load: \"" + path.string() + "\": ";
    return text.starts_with(start) ? text.substr(start.size()) : text;
  }
  return "nothing thrown";
}

std::string load_error_of(const std::function<void(json&)>& edit, json document = byte_level()) {
  edit(document);
  return load_error(document.dump());
}

}  // namespace

TEST_CASE("byte-level pairs: ids and text are those of Hugging Face's tokenizers 0.23.3") {
  const std::vector<fixture> fixtures{
      {"hello world's 12 123",
       {259, 263, 100, 267, 32, 49, 50, 32, 49, 50, 51},
       "hello world's 12 123",
       "hello world's 12 123"},
      {"Hello  wo\r\n\n  \u00e9 e\u0301 <|end|> hello<|end|>",
       {72, 101, 257, 111, 32, 261, 13, 10, 10, 32, 32, 266, 32, 266, 32, 268, 32, 259, 268},
       "Hello  wo\r\n\n  \u00e9 \u00e9 <|end|> hello<|end|>",
       "Hello  wo\r\n\n  \u00e9 \u00e9  hello"},
      {"\U0001F468\u200d\U0001F469 \u4f60\u597d",
       {240, 159, 145, 168, 226, 128, 141, 240, 159, 145, 169, 32, 228, 189, 160, 229, 165, 189},
       "\U0001F468\u200d\U0001F469 \u4f60\u597d",
       "\U0001F468\u200d\U0001F469 \u4f60\u597d"},
      {"", {}, "", ""},
      {" ", {32}, " ", " "},
      {"'S \u017f \u180e x",
       {39, 83, 32, 197, 191, 32, 225, 160, 142, 32, 120},
       "'S \u017f \u180e x",
       "'S \u017f \u180e x"}};
  json strings = byte_level();
  for (json& merge : strings["model"]["merges"])
    merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  for (const pretrained_tokenizer& t : {loaded(byte_level()), loaded(strings)})
    for (const fixture& f : fixtures) {
      CAPTURE(f.text);
      CHECK(t.encode(f.text) == f.ids);
      CHECK(t.decode(f.ids) == f.decoded);
      CHECK(t.decode(f.ids, true) == f.without_special);
    }
}

TEST_CASE("byte fallback: ids and text are those of Hugging Face's tokenizers 0.23.3") {
  const pretrained_tokenizer t = loaded(sentence_pieces());
  const std::vector<fixture> fixtures{
      {"a abc  \u00e9", {264, 266, 267, 263}, "a abc  \u00e9", "a abc  \u00e9"},
      {"ab\u4f60", {264, 261, 231, 192, 163}, "ab\u4f60", "ab\u4f60"},
      {"", {}, "", ""},
      {"</s> a", {2, 259, 264}, "</s>  a", " a"},
      {"<s>a</s>b", {1, 264, 2, 259, 261}, "<s> a</s> b", "a b"}};
  for (fixture f : fixtures) {
    CAPTURE(f.text);
    CHECK(t.encode(f.text) == f.ids);
    CHECK(t.decode(f.ids) == f.decoded);
    CHECK(t.decode(f.ids, true) == f.without_special);
    f.ids.insert(f.ids.begin(), 1);
    CHECK(t.encode(f.text, true) == f.ids);
  }
  CHECK(t.decode(std::vector{231, 192}) == "\uFFFD\uFFFD");
  CHECK(t.decode(std::vector{231, 192, 264}) == "\uFFFD\uFFFD a");
}

TEST_CASE("added tokens: ids and text are those of Hugging Face's tokenizers 0.23.3") {
  pretrained_tokenizer t = loaded(byte_level());
  CHECK(t.vocab_size() == 269);
  CHECK(t.add_tokens({"<l>"}, {.normalized = false, .lstrip = true}) == std::vector{269});
  CHECK(t.add_tokens({"<r>"}, {.normalized = false, .rstrip = true}) == std::vector{270});
  CHECK(t.add_tokens({"one"}, {.normalized = false, .single_word = true}) == std::vector{271});
  CHECK(t.add_tokens({"\u00c9"}) == std::vector{201});  // a byte's character
  CHECK(t.add_tokens({"sp", "<r>"}, {.special = true, .rstrip = true}) == std::vector{272, 270});
  CHECK(t.vocab_size() == 273);
  CHECK(t.token_to_id("sp") == 272);
  CHECK(t.id_to_token(272) == "sp");
  const std::vector<fixture> fixtures{{"a <l> b", {97, 269, 32, 98}, "a<l> b", "a<l> b"},
                                      {"a <r> \u3000b", {97, 32, 270, 98}, "a <r>b", "a b"},
                                      {"one oneone one1 one-one \u00e9one",
                                       {271, 32, 111, 110, 101, 111, 110, 101, 32,  111, 110,
                                        101, 49, 32,  271, 45,  271, 32,  266, 111, 110, 101},
                                       "one oneone one1 one-one \u00e9one",
                                       "one oneone one1 one-one \u00e9one"},
                                      {"E\u0301 \u00c9", {201, 32, 201}, "\uFFFD \uFFFD", "\uFFFD \uFFFD"},
                                      {"<r> <r>", {270, 270}, "<r><r>", ""}};
  const temporary_folder here;
  t.save(here.path / "tokenizer.json");
  for (const pretrained_tokenizer& each : {t, pretrained_tokenizer::load(here.path)})
    for (const fixture& f : fixtures) {
      CAPTURE(f.text);
      CHECK(each.encode(f.text) == f.ids);
      CHECK(each.decode(f.ids) == f.decoded);
      CHECK(each.decode(f.ids, true) == f.without_special);
    }
}

TEST_CASE("real tokenizers: ids are those of tokenizers 0.23.3 and transformers 5.23") {
  if (const auto folder = shared_file("data/tokenizers/qwen2_small")) {
    const pretrained_tokenizer t = pretrained_tokenizer::load(*folder);
    CHECK(t.vocab_size() == 911);
    CHECK(t.encode("<|im_start|>user\nRecommend 3 films, please.<|im_end|>\n") ==
          std::vector{907, 475, 198, 811, 220, 18, 220, 533, 76,  82, 11,
                      220, 79,  75,  68,  64,  82, 68,  13,  908, 198});
    CHECK(t.encode("caf\u00e9 e\u0301 123") == std::vector{737, 220, 279, 220, 16, 17, 18});
  }
  if (const auto folder = shared_file("data/tokenizers/qwen3_real")) {
    const pretrained_tokenizer t = pretrained_tokenizer::load(*folder);
    CHECK(t.vocab_size() == 151669);
    CHECK(
        t.encode("<|im_start|>user\nRecommend 3 films, please.<|im_end|>\n<think>\n\n</think>") ==
        std::vector{151644, 872, 198, 67644, 220, 18, 12351, 11, 4486, 13, 151645, 198, 151667, 271, 151668});
    const std::string text =
        "It's caf\u00e9 e\u0301 12345 \u4f60\u597d \U0001F468\u200d\U0001F469\u200d\U0001F467 \tx  \r\n y";
    CHECK(t.encode(text) == std::vector{2132,   594, 51950, 3958,   220,   16,    17,    18,
                                        19,     20,  220,   108386, 61804, 101,   378,   235,
                                        145233, 378, 235,   145665, 220,   10225, 10419, 379});
  }
}

TEST_CASE("bytes that are not UTF-8 count as U+FFFD, one for each part of a character") {
  const pretrained_tokenizer t = loaded(byte_level());
  const std::vector<std::pair<std::string, std::string>> repaired{
      {"a\xff", "a\uFFFD"},           {"\xe4\xbd", "\uFFFD"},
      {"\xf0\x9f\x98z", "\uFFFDz"},   {"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\xc0\x80x", "\uFFFD\uFFFDx"}, {"\xf4\x90", "\uFFFD\uFFFD"}};
  for (const auto& [bytes, text] : repaired) {
    CHECK(t.encode(bytes) == t.encode(text));
    std::vector<int> ids;
    for (const char c : bytes) ids.push_back(static_cast<unsigned char>(c));
    CHECK(t.decode(ids) == text);  // as Python's errors="replace"
  }
}

TEST_CASE("merges: the same as brute force, also of words too long to be merged naively") {
  const std::uint64_t seed = 5;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> made{"a", "b", "c"};
    std::vector<std::pair<std::string, std::string>> merges;
    for (int i = 0; i < 25; ++i) {
      const std::string left = made[rng.below(made.size())], right = made[rng.below(made.size())];
      if (std::ranges::find(made, left + right) != made.end()) continue;
      merges.emplace_back(left, right);
      made.push_back(left + right);
    }
    const pretrained_tokenizer t = loaded(byte_level(merges));
    for (const std::size_t length : {1, 2, 7, 95, 96, 97, 98, 400}) {
      std::string word;
      std::vector<std::string> parts;
      for (std::size_t i = 0; i < length; ++i) {
        parts.emplace_back(1, "abc"[rng.below(3)]);
        word += parts.back();
      }
      for (std::size_t rank = 0; rank < merges.size();) {
        const auto& [left, right] = merges[rank++];
        for (std::size_t i = 0; i + 1 < parts.size(); ++i)
          if (parts[i] == left && parts[i + 1] == right) {
            parts[i] += right;
            parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
            rank = 0;  // what it made may merge earlier than what is next
            break;
          }
      }
      std::vector<int> ids;
      for (const std::string& part : parts) ids.push_back(t.token_to_id(part).value());
      REQUIRE(t.encode(word) == ids);
      REQUIRE(t.encode(word) == ids);  // of the cache
    }
  }
}

TEST_CASE("a vocabulary without merges of its whole words") {
  json document = byte_level();
  document["model"]["merges"] = json::array();
  CHECK(loaded(document).encode("hello") == std::vector{104, 101, 108, 108, 111});
  document["model"]["ignore_merges"] = true;
  CHECK(loaded(document).encode("hello world") == std::vector{259, 32, 119, 111, 114, 108, 100});
}

TEST_CASE("unknown characters: fused, one by one, lost, refused") {
  json document{
      {"version", "1.0"},
      {"model",
       {{"type", "BPE"}, {"unk_token", "?"}, {"vocab", {{"?", 0}, {"a", 1}}}, {"merges", json::array()}}}};
  CHECK(loaded(document).encode("xya\u00e9") == std::vector{0, 0, 1, 0});
  CHECK(loaded(document).decode(std::vector{0, 1, 7}) == "? a");
  document["model"]["fuse_unk"] = true;
  CHECK(loaded(document).encode("xyaz") == std::vector{0, 1, 0});
  document["model"]["unk_token"] = nullptr;
  CHECK(loaded(document).encode("xyaz") == std::vector{1});
  document["model"]["unk_token"] = "!";
  CHECK(loaded(document).encode("a") == std::vector{1});
  CHECK_THROWS_WITH(
      loaded(document).encode("b"),
      "recllm: encode: the text holds a character without a token, and model.unk_token, '!', is not in "
      "model.vocab");
}

TEST_CASE("files of whole words are read as word_level_tokenizer reads them") {
  const temporary_folder here;
  const auto words = word_level_tokenizer::build({"user", "sees", "Drama"}, {"<think>", "</think>"});
  words.save(here.path / "tokenizer.json");
  const auto t = pretrained_tokenizer::load(here.path);
  CHECK(t.vocab_size() == words.vocab_size());
  for (const std::string text : {"user sees<think> Drama\u00a0x ", "", " ", "</think>user"}) {
    CHECK(t.encode(text) == words.encode(text));
    CHECK(t.decode(t.encode(text)) == words.decode(words.encode(text)));
    CHECK(t.decode(t.encode(text), true) == words.decode(words.encode(text), true));
  }
}

TEST_CASE("threads share a tokenizer") {
  const pretrained_tokenizer t = loaded(byte_level());
  const std::vector<int> expected = t.encode("hello world's 12 \u00e9");
  std::vector<std::thread> threads;
  std::vector<int> good(4, 0);
  for (int& mine : good)
    threads.emplace_back([&t, &expected, &mine] {
      for (int i = 0; i < 200; ++i) mine += t.encode("hello world's 12 \u00e9") == expected;
    });
  for (std::thread& one : threads) one.join();
  CHECK(good == std::vector(4, 200));
}

TEST_CASE("a saved tokenizer is the same, and so is a copy") {
  for (const json& document : {byte_level(), sentence_pieces()}) {
    pretrained_tokenizer first = loaded(document);
    const pretrained_tokenizer before = first;
    (void)first.add_tokens({"<item_1>", "<item_12>", "\"\n\\"});
    const temporary_folder here;
    first.save(here.path / "tokenizer.json");
    const pretrained_tokenizer again = pretrained_tokenizer::load(here.path);
    CHECK(again.vocab_size() == first.vocab_size());
    CHECK(before.vocab_size() + 3 == first.vocab_size());
    for (const std::string text : {"hello <item_1><item_12> a", "\"\n\\ abc"}) {
      CHECK(again.encode(text, true) == first.encode(text, true));
      CHECK(again.decode(again.encode(text)) == first.decode(first.encode(text)));
    }
    again.save(here.path / "again.json");
    CHECK(read_file(here.path / "again.json") == read_file(here.path / "tokenizer.json"));
  }
}

TEST_CASE("ids and tokens that cannot be are refused") {
  pretrained_tokenizer t = loaded(byte_level());
  CHECK_THROWS_WITH(t.decode(std::vector{1, -100}),
                    "recllm: decode: id -100 is negative; is it a padding mark?");
  CHECK(t.decode(std::vector{104, 100000, 105}) == "hi");
  CHECK(t.id_to_token(-1) == std::nullopt);
  CHECK(t.id_to_token(269) == std::nullopt);
  CHECK(t.token_to_id("\u4f60") == std::nullopt);
  CHECK_THROWS_WITH(t.add_tokens({""}),
                    "recllm: add_tokens: there is an empty token; a token needs a character");
  CHECK_THROWS_WITH(t.add_tokens({"a", "\xff"}),
                    "recllm: add_tokens: token 1 is not UTF-8; convert the text that it comes from");
  CHECK(t.encode("<|end|>a") == std::vector{268, 97});  // what was refused leaves it as it was
  json gaps = byte_level();
  gaps["model"]["vocab"]["hello"] = 300;
  gaps["added_tokens"] = json::array();
  pretrained_tokenizer with_gaps = loaded(gaps);
  CHECK(with_gaps.vocab_size() == 301);
  CHECK(with_gaps.add_tokens({"x1"}) == std::vector{268});
  json stripped = byte_level();
  stripped["normalizer"] = {{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}};
  pretrained_tokenizer strips = loaded(stripped);
  CHECK_THROWS_WITH(
      strips.add_tokens({" "}),
      "recllm: add_tokens: nothing is left of ' ' after normalisation; add it with normalized = false");
}

TEST_CASE("a text that normalizers or decoders blow up is refused") {
  json document = byte_level();
  json twice = json::array();
  for (int i = 0; i < 60; ++i)
    twice.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
  document["decoder"] = {{"type", "Sequence"}, {"decoders", twice}};
  CHECK(loaded(document).decode(std::vector{98}) == "b");
  CHECK_THROWS_WITH(loaded(document).decode(std::vector{97}),
                    "recllm: decode: the tokenizer's decoders make more than 100 times its length of a text");
  document["normalizer"] = {{"type", "Sequence"}, {"normalizers", twice}};
  CHECK_THROWS_WITH(
      loaded(document).encode("a"),
      "recllm: encode: the tokenizer's normalizers make more than 100 times its length of a text");
}

TEST_CASE("a file that cannot be used is named") {
  CHECK_THROWS_AS(pretrained_tokenizer::load("none.json"), std::invalid_argument);
  CHECK_THROWS_WITH(
      pretrained_tokenizer::load("none.json"),
      "recllm: pretrained_tokenizer::load: \"none.json\": cannot open the file; is it there and readable?");
  CHECK(load_error("").starts_with("not JSON: "));
  CHECK(load_error(byte_level().dump().substr(0, 2000)).starts_with("not JSON: "));
  CHECK(load_error("{\"a\": \"\xff\"}").starts_with("not JSON: "));
  CHECK(load_error("[]") == "the document is array; expected an object");
  CHECK(load_error("{}") == "version is null; expected \"1.0\"");
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  CHECK(load_error("{\"version\": " + deep + "}") == "version is array; expected a string");
}

TEST_CASE("components that are not known are refused by name") {
  const auto error = [](const char* field, const json& value) {
    return load_error_of([&](json& d) { d[field] = value; });
  };
  CHECK(error("normalizer", {{"type", "Nmt"}}) ==
        "normalizer.type is \"Nmt\"; expected NFC, NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace or "
        "Sequence");
  CHECK(error("normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, {{"type", "X"}}}}})
            .starts_with("normalizer.normalizers[1].type is \"X\"; expected "));
  CHECK(error("normalizer", 5) == "normalizer is 5; expected an object");
  CHECK(error("pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {{{"type", "BertPreTokenizer"}}}}})
            .starts_with("pre_tokenizer.pretokenizers[0].type is \"BertPreTokenizer\"; expected Split, "));
  CHECK(error("pre_tokenizer",
              {{"type", "Split"}, {"pattern", {{"Regex", "[a&&b]"}}}, {"behavior", "Isolated"}}) ==
        "pre_tokenizer.pattern cannot be used: an intersection of classes at byte 2 of the pattern is not "
        "supported");
  CHECK(error("pre_tokenizer", {{"type", "Split"}, {"pattern", {{"String", "a"}}}, {"behavior", "Kept"}})
            .starts_with("pre_tokenizer.behavior is \"Kept\"; expected Removed, "));
  CHECK(error("pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "ab"}}) ==
        "pre_tokenizer.replacement is \"ab\"; expected one character");
  CHECK(error("pre_tokenizer", {{"type", "Digits"}, {"individual_digits", 1}}) ==
        "pre_tokenizer.individual_digits is 1; expected true or false");
  CHECK(error("decoder", {{"type", "WordPiece"}})
            .starts_with("decoder.type is \"WordPiece\"; expected ByteLevel, "));
  CHECK(error("post_processor", {{"type", "X"}}).starts_with("post_processor.type is \"X\"; expected "));
  CHECK(error("pre_tokenizer", {{"type", "Punctuation"}}).starts_with("pre_tokenizer.type is "));
  CHECK(error("truncation", {{"max_length", 5}}) ==
        "truncation is object; expected null: texts are encoded whole");
  CHECK(error("padding", json::object()) == "padding is object; expected null: texts are encoded whole");
  std::string nested = R"({"type": "NFC"})";
  for (int i = 0; i < 17; ++i) nested = R"({"type": "Sequence", "normalizers": [)" + nested + "]}";
  CHECK(
      error("normalizer", json::parse(nested)).ends_with("is a Sequence in sixteen others; expected fewer"));
}

TEST_CASE("faulty models are refused by field") {
  const auto error = [](const char* field, const json& value) {
    return load_error_of([&](json& d) { d["model"][field] = value; });
  };
  CHECK(error("type", "Unigram") == "model.type is \"Unigram\"; expected \"BPE\" or \"WordLevel\"");
  CHECK(error("dropout", 0.1) == "model.dropout is 0.1; expected null: encoding is not random");
  CHECK(error("vocab", {1}) == "model.vocab is array; expected an object of tokens and ids");
  for (const json& id : {json(-1), json(1.5), json("1"), json(std::uint64_t{1} << 40U), json()})
    CHECK(error("vocab", {{"a", id}}) ==
          "model.vocab gives 'a' the id " + id.dump() + "; expected a whole number below 2097152");
  CHECK(error("vocab", {{"a", 1}, {"b", 1}}) == "model.vocab gives the id 1 to 'a' and to 'b'");
  CHECK(error("merges", 5) == "model.merges is 5; expected a list");
  CHECK(error("merges", {"ab"}) ==
        "model.merges[0] is \"ab\"; expected two tokens with one space between them");
  CHECK(error("merges", {{"a", "b", "c"}}) ==
        "model.merges[0] is array; expected a string or a list of two strings");
  CHECK(error("merges", json::array({json::array({"h", "e"}), json::array({"a", "\u4f60"})})) ==
        "model.merges[1] names '\u4f60', which is not in model.vocab");
  CHECK(error("merges", {"x y"}) == "model.merges[0] names 'xy', which is not in model.vocab");
  CHECK(error("unk_token", 3) == "model.unk_token is 3; expected a string");
  CHECK(load_error_of([](json& d) { d["model"] = 1; }) == "model is 1; expected an object");
}

TEST_CASE("faulty added tokens and templates are refused by field") {
  const auto added = [](const json& tokens) {
    return load_error_of([&](json& d) { d["added_tokens"] = tokens; });
  };
  CHECK(added(5) == "added_tokens is 5; expected a list");
  CHECK(added(json::array({special_token(268, "")})) ==
        "added_tokens[0].content is \"\"; expected a token of at least one character");
  CHECK(added(json::array({special_token(270, "x1")})) ==
        "added_tokens[0].id is 270, but Hugging Face's tokenizers gives 'x1' the id 268: that of "
        "model.vocab, or else "
        "the next after all before");
  CHECK(added(json::array({special_token(268, "x1", {{"id", 1e40}})})) ==
        "added_tokens[0].id is 1e+40; expected a whole number from 0, below 2097152");
  CHECK(added(json::array({special_token(268, "x1", {{"lstrip", "yes"}})})) ==
        "added_tokens[0].lstrip is \"yes\"; expected true or false");
  const auto around = [](const json& single, const json& ids) {
    return load_error_of([&](json& d) {
      d["post_processor"] = {
          {"type", "TemplateProcessing"}, {"single", single}, {"special_tokens", {{"<s>", {{"ids", ids}}}}}};
    });
  };
  const json text{{"Sequence", {{"id", "A"}}}}, other{{"Sequence", {{"id", "B"}}}},
      begin{{"SpecialToken", {{"id", "<s>"}}}};
  CHECK(around({begin, text}, {1}) == "nothing thrown");
  CHECK(around({begin, text}, {269}) ==
        "post_processor.special_tokens.<s>.ids[0] is 269; expected a whole number from 0, below 269");
  CHECK(around(json::array({other}), {1}) ==
        "post_processor.single[0].Sequence.id is \"B\"; expected \"A\": there is one text");
  CHECK(around(json::array(), {1}) == "post_processor.single is array; expected a list that holds the text");
  CHECK(around({{{"SpecialToken", {{"id", "<x>"}}}}}, {1}) ==
        "post_processor.special_tokens.<x>.ids is null; expected a list");
}

TEST_CASE("vocab.json and merges.txt: the components of the class, the tokens of the configuration") {
  const temporary_folder here;
  const json whole = byte_level();
  std::ofstream(here.path / "vocab.json") << whole["model"]["vocab"];
  {
    std::ofstream merges(here.path / "merges.txt");
    merges << "#version: 0.2\r\n";
    for (const json& merge : whole["model"]["merges"])
      merges << merge[0].get<std::string>() << ' ' << merge[1].get<std::string>() << "\r\n";
  }
  const auto configure = [&](const json& config) {
    std::ofstream(here.path / "tokenizer_config.json") << config;
  };
  configure({{"tokenizer_class", "Qwen2TokenizerFast"},
             {"eos_token", "<|end|>"},
             {"pad_token", {{"content", "<pad>"}, {"special", true}}},
             {"unk_token", nullptr},
             {"additional_special_tokens", {"<extra>"}},
             {"added_tokens_decoder",
              {{"269", special_token(269, "<think>")}, {"268", special_token(268, "<|end|>")}}}});
  const pretrained_tokenizer qwen = pretrained_tokenizer::load(here.path);
  CHECK(qwen.token_to_id("<think>") == 269);
  CHECK(qwen.token_to_id("<pad>") == 270);
  CHECK(qwen.token_to_id("<extra>") == 271);
  for (const std::string text : {"hello world's 12 123 e\u0301<|end|>", "Hello  wo\r\n\n  \u00e9"})
    CHECK(qwen.encode(text) == loaded(whole).encode(text));
  configure({{"tokenizer_class", "GPT2Tokenizer"}, {"add_prefix_space", true}});
  const pretrained_tokenizer gpt = pretrained_tokenizer::load(here.path);
  CHECK(gpt.token_to_id("<|endoftext|>") == 268);
  CHECK(gpt.encode("world 12<|endoftext|>") == std::vector{263, 100, 32, 264, 268});

  const auto error = [&] {
    try {
      (void)pretrained_tokenizer::load(here.path);
    } catch (const std::invalid_argument& problem) {
      const std::string text = problem.what();
      return text.substr(text.find(here.path.string()) + here.path.string().size());
    }
    return std::string("nothing thrown");
  };
  configure({{"tokenizer_class", "T5Tokenizer"}});
  CHECK(
      error().starts_with("/tokenizer_config.json\": tokenizer_class is \"T5Tokenizer\"; expected "
                          "Qwen2Tokenizer or GPT2Tokenizer; "));
  configure({{"tokenizer_class", "GPT2Tokenizer"}, {"add_bos_token", true}});
  CHECK(error().starts_with("/tokenizer_config.json\": add_bos_token is true; expected false; "));
  configure(
      {{"tokenizer_class", "Qwen2Tokenizer"}, {"added_tokens_decoder", {{"12x", special_token(1, "x")}}}});
  CHECK(error() ==
        "/tokenizer_config.json\": added_tokens_decoder has the id '12x'; expected a whole number below "
        "2097152");
  std::ofstream(here.path / "merges.txt") << "h e\nh e l\n";
  configure({{"tokenizer_class", "GPT2Tokenizer"}});
  CHECK(error() == "/merges.txt\": line 2 is not two tokens in UTF-8 with one space between them");
  std::filesystem::remove(here.path / "tokenizer_config.json");
  CHECK(error() == "/tokenizer_config.json\": cannot open the file; is it there and readable?");
}
