// The bar by a clock of the test's own: what is drawn, how wide, and how often.
#include <recllm/train/progress.hpp>

#include <sstream>
#include <string>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/train/metrics.hpp>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

struct fixture {
  std::ostringstream out;
  double now = 100.0;
  int columns = 0;

  progress_settings settings(std::size_t total) {
    return {.label = "sft",
            .total = total,
            .out = &out,
            .columns = [this] { return columns; },
            .seconds = [this] { return now; },
            .utf8 = false};
  }
  std::vector<std::string> pieces(char separator) const {
    std::vector<std::string> found;
    std::istringstream in(out.str());
    for (std::string piece; std::getline(in, piece, separator);) found.push_back(piece);
    return found;
  }
};

std::size_t characters(const std::string& text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

std::string without_escapes(std::string text) {
  for (const std::string mark : {"\x1b[K", "\n"})
    for (std::size_t at = 0; (at = text.find(mark)) != text.npos;) text.erase(at, mark.size());
  return text;
}

}  // namespace

TEST_CASE("without a terminal: a line each tenth of the way") {
  fixture f;
  {
    progress bar(f.settings(1000));
    for (int i = 0; i < 1000; ++i) {
      f.now += 0.01;
      bar.advance();
    }
  }
  const auto lines = f.pieces('\n');
  REQUIRE(lines.size() == 10);
  CHECK(lines[0] == "sft: 100/1000 (10%) steps, 00:01 elapsed, 00:09 left, 100 steps/s");
  CHECK(lines[9] == "sft: 1000/1000 (100%) steps, 00:10 elapsed, 00:00 left, 100 steps/s");
  CHECK_THAT(f.out.str(), !Contains("\r") && !Contains("\x1b"));
}

TEST_CASE("without a terminal: a line each ten seconds where steps are slow") {
  fixture f;
  progress bar(f.settings(100000));
  bar.say("loss 1.5");
  for (int i = 0; i < 24; ++i) {
    f.now += 5.0;
    bar.advance();
  }
  const auto lines = f.pieces('\n');
  REQUIRE(lines.size() == 12);
  CHECK(lines[1] == "sft: 4/100000 (0%) steps, 00:20 elapsed, --:-- left, 5 s each, loss 1.5");
}

TEST_CASE("a loop that ends early leaves its last state, once") {
  fixture f;
  {
    progress bar(f.settings(1000));
    f.now += 3730.0;
    bar.advance(373);
    bar.advance(2);
    bar.finish();
  }
  CHECK(f.pieces('\n').back() == "sft: 375/1000 (37%) steps, 1:02:10 elapsed, 1:43:37 left, 9.95 s each");
  CHECK(f.pieces('\n').size() == 2);
}

TEST_CASE("a resumed run's rate counts its own steps only") {
  fixture f;
  progress_settings settings = f.settings(100);
  settings.first = 80;
  progress bar(settings);
  f.now += 5.0;
  bar.advance(10);
  CHECK(f.out.str() == "sft: 90/100 (90%) steps, 00:05 elapsed, 00:05 left, 2 steps/s\n");
}

TEST_CASE("without a total there is no share and no time left") {
  fixture f;
  {
    progress bar(f.settings(0));
    f.now += 10.0;
    bar.advance(5);
  }
  CHECK(f.out.str() == "sft: 5 steps, 00:10 elapsed, 2 s each\n");
  fixture terminal;
  terminal.columns = 80;
  {
    progress bar(terminal.settings(0));
    terminal.now += 10.0;
    bar.advance(5);
  }
  CHECK_THAT(terminal.out.str(), Contains("\rsft 5 steps [00:10, 2 s each]") && !Contains("|"));
}

TEST_CASE("on a terminal: one line, redrawn at most each tenth of a second") {
  fixture f;
  f.columns = 100;
  {
    progress bar(f.settings(10000));
    for (int i = 0; i < 10000; ++i) {
      f.now += 0.001;
      bar.advance();
    }
  }
  const auto draws = f.pieces('\r');
  CHECK(draws.size() >= 95);
  CHECK(draws.size() <= 105);  // ten seconds
  CHECK(draws[1] == "sft   0% |..............................| 0/10000 [00:00<--:--, ? steps/s] \x1b[K");
  CHECK(draws[51] ==
        "sft  50% |###############...............| 5000/10000 [00:05<00:05, 1000 steps/s] \x1b[K");
  CHECK(draws.back() ==
        "sft 100% |##############################| 10000/10000 [00:10<00:00, 1000 steps/s] \x1b[K\n");
  CHECK(f.pieces('\n').size() == 1);
}

TEST_CASE("eighths of a block") {
  fixture f;
  f.columns = 80;
  progress_settings settings = f.settings(240);
  settings.utf8 = true;
  progress bar(settings);
  f.now += 1.0;
  bar.advance(61);
  CHECK_THAT(f.out.str(), Contains("|███████▋                      | 61/240"));
}

TEST_CASE("a draw is never wider than the terminal and never splits a character") {
  const std::uint64_t seed = 3;
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::vector<std::string> bits{"é", "loss 1", "映画", " ", "▏", "x"};
  for (int round = 0; round < 300; ++round) {
    fixture f;
    f.columns = 1 + static_cast<int>(rng.below(120));
    progress_settings settings = f.settings(rng.below(3) * 100000);
    settings.utf8 = rng.below(2) == 0;
    std::string text;
    for (std::size_t i = rng.below(20); i > 0; --i) text += bits[rng.below(bits.size())];
    progress bar(settings);
    f.now += 2.5;
    bar.say(text);
    bar.advance(rng.below(1000));
    bar.finish();
    for (const std::string& draw : f.pieces('\r')) {
      const std::string shown = without_escapes(draw);
      INFO(f.columns << " columns: " << shown);
      CHECK(characters(shown) <= static_cast<std::size_t>(std::max(f.columns - 1, 1)));
      if (!shown.empty()) CHECK((static_cast<unsigned char>(shown[0]) & 0xC0) != 0x80);
    }
  }
}

TEST_CASE("long text shortens the bar first, then itself") {
  fixture f;
  f.columns = 80;
  progress bar(f.settings(100));
  bar.say(std::string(100, 'm'));
  f.now += 1.0;
  bar.advance(50);
  CHECK_THAT(f.pieces('\r').back(), Contains("sft  50% |#####.....| 50/100 [00:01<00:01, 50 steps/s] mmmmm"));
}

TEST_CASE("a line goes above the bar") {
  fixture f;
  f.columns = 60;
  progress bar(f.settings(10));
  bar.line("validation NDCG@10 0.1");
  CHECK_THAT(f.out.str(), Contains("\r\x1b[Kvalidation NDCG@10 0.1\n\rsft   0%"));
}

TEST_CASE("metrics: the fields asked for, where they are there") {
  fixture f;
  progress_settings settings = f.settings(2);
  settings.show = {"reward", "entropy", "kl"};
  progress bar(settings);
  f.now += 1.0;
  bar(step_metrics{.step = 0, .reward = 0.123456, .kl = 0.5});
  CHECK(f.out.str() == "sft: 1/2 (50%) steps, 00:01 elapsed, 00:01 left, 1 steps/s, reward 0.1235  kl 0.5\n");
}

TEST_CASE("settings that cannot work are refused") {
  fixture f;
  progress_settings no_stream = f.settings(1), no_clock = f.settings(1);
  no_stream.out = nullptr;
  no_clock.seconds = nullptr;
  CHECK_THROWS_WITH(progress(no_stream), "recllm: progress: out must point to a stream");
  CHECK_THROWS_WITH(progress(no_clock), "recllm: progress: columns and seconds must be callable");
}
