// Adaptors stay lazy, and a log that is taken up again equals the one that was never cut.
#include <recllm/train/callbacks.hpp>

#include <limits>
#include <memory>
#include <ranges>
#include <string>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/train/metrics.hpp>
#include <recllm/train/step_range.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

using history = std::vector<std::string>;

step_range<step_metrics> steps(history& ran, std::ptrdiff_t last, std::ptrdiff_t first = 0) {
  const auto run = [&ran](std::ptrdiff_t step) {
    ran.push_back("run " + std::to_string(step));
    return step_metrics{.step = step, .loss = 1.0 / (1.0 + static_cast<double>(step))};
  };
  return step_range<step_metrics>(run, first, last);
}

auto note(history& ran, std::string what) {
  return [&ran, what](const step_metrics& m) { ran.push_back(what + ' ' + std::to_string(m.step)); };
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("tee: called once a step, in order, before the loop's body") {
  history ran;
  for (const auto& m : steps(ran, 2) | tee(note(ran, "a")) | tee(note(ran, "b"))) note(ran, "body")(m);
  CHECK(ran == history{"run 0", "a 0", "b 0", "body 0", "run 1", "a 1", "b 1", "body 1"});
}

TEST_CASE("tee: building the range runs nothing, break stops training") {
  history ran;
  auto range = steps(ran, 10) | tee(note(ran, "a"));
  CHECK(ran.empty());
  for (const auto& m : range)
    if (m.step == 1) break;
  CHECK(ran == history{"run 0", "a 0", "run 1", "a 1"});
}

TEST_CASE("tee: an element read twice runs once, one passed over still runs") {
  history ran;
  auto range = steps(ran, 3) | tee(note(ran, "a"));
  auto at = range.begin();
  CHECK((*at).step == 0);
  CHECK((*at).step == 0);
  ++at;
  CHECK(ran == history{"run 0", "a 0"});
  ++at;
  CHECK(ran == history{"run 0", "a 0", "run 1", "a 1"});
  CHECK((*at).step == 2);
  at++;
  CHECK(at == range.end());
}

TEST_CASE("adaptors are views: take runs exactly so many steps") {
  history ran;
  std::size_t seen = 0;
  for (const auto& m :
       steps(ran, 10) | tee(note(ran, "a")) | until([] { return false; }) | std::views::take(3))
    seen += m.step >= 0;
  CHECK(seen == 3);
  CHECK(ran.size() == 6);
}

TEST_CASE("an lvalue callable or range is borrowed, a temporary kept") {
  struct counter {
    int calls = 0;
    counter() = default;
    counter(const counter&) = delete;
    void operator()(const step_metrics&) { ++calls; }
  };
  counter count;
  history ran;
  auto range = steps(ran, 3);
  const auto kept = std::make_shared<int>(0);
  for (const auto& m : range | tee(count) | tee([kept](const step_metrics&) { ++*kept; })) CHECK(m.step >= 0);
  CHECK(count.calls == 3);
  CHECK(*kept == 3);
}

TEST_CASE("any input range of things will do") {
  const std::vector<int> numbers{1, 2, 3, 4};
  int sum = 0;
  for (const int n : numbers | tee([&](int n) { sum += n; }) | until([](int n) { return n == 3; }))
    sum += 100 * n;
  CHECK(sum == 606);
  const std::vector<int> none;
  for (const int n : none | tee([&](int) { sum = -1; })) sum += n;
  CHECK(sum == 606);
}

TEST_CASE("every: after the n-th, 2n-th, ... step, by the step's number") {
  history ran;
  for (const auto& m : steps(ran, 7) | tee(every(3, note(ran, "save")))) CHECK(m.step >= 0);
  CHECK(std::count(ran.begin(), ran.end(), "save 2") == 1);
  CHECK(std::count(ran.begin(), ran.end(), "save 5") == 1);
  CHECK(ran.size() == 9);
  ran.clear();
  for (const auto& m : steps(ran, 7, 4) | tee(every(3, note(ran, "save")))) CHECK(m.step >= 4);  // resumed
  CHECK(ran == history{"run 4", "run 5", "save 5", "run 6"});
  CHECK_THROWS_WITH(every(0, note(ran, "x")), "recllm: every: n must be at least 1, got 0");
}

TEST_CASE("until: the step that fulfils it is the last") {
  history ran;
  for (const auto& m : steps(ran, 9) | until([](const step_metrics& m) { return m.step == 2; }))
    note(ran, "body")(m);
  CHECK(ran == history{"run 0", "body 0", "run 1", "body 1", "run 2", "body 2"});
}

TEST_CASE("until: asked after the loop's body, with or without the step") {
  history ran;
  bool stop = false;
  for (const auto& m : steps(ran, 9) | until([&] { return stop; }) | tee(note(ran, "log")))
    stop = m.step == 1;
  CHECK(ran == history{"run 0", "log 0", "run 1", "log 1"});
}

TEST_CASE("a callback that throws ends the loop at its step") {
  history ran;
  const auto fail = [](const step_metrics& m) {
    if (m.step == 1) throw std::runtime_error("mine");
  };
  const auto loop = [&] {
    for (const auto& m : steps(ran, 9) | tee(fail)) note(ran, "body")(m);
  };
  CHECK_THROWS_WITH(loop(), "mine");
  CHECK(ran == history{"run 0", "body 0", "run 1"});
}

TEST_CASE("log: one object a line, phase and step first, flushed at once") {
  const temporary_folder folder;
  const auto path = folder.path / "metrics.jsonl";
  jsonl_log log(path);
  const step_metrics m{.step = 4, .loss = 0.1, .reward = -2.0, .reward_terms = {{"lcs", 1.0 / 3.0, 0.25}}};
  log.with({{"phase", "grpo"}})(m);
  const auto lines = lines_of(path);  // the log is still open
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], Catch::Matchers::StartsWith(R"({"phase":"grpo","step":4,"loss":0.1,"reward":-2.0,)"));
  const auto object = nlohmann::json::parse(lines[0]);
  CHECK(object["rewards/lcs/mean"] == 1.0 / 3.0);
  CHECK(object["step"].is_number_integer());
  std::size_t fields = 1;
  for_each_field(m, [&](std::string_view, double) { ++fields; });
  CHECK(object.size() == fields);
  log(m);
  CHECK_THAT(lines_of(path)[1], Catch::Matchers::StartsWith(R"({"step":4,"loss":0.1)"));
  jsonl_log afresh(path);
  CHECK(lines_of(path).empty());
}

TEST_CASE("log: doubles come back as they were") {
  const std::uint64_t seed = 11;
  INFO("seed " << seed);
  const temporary_folder folder;
  jsonl_log log(folder.path / "x");
  random_stream rng(seed);
  std::vector<double> values{0.1, 1e-310, 1.7976931348623157e308, 5e-324, -0.0, 123456789.0, 2.0 / 3.0};
  while (values.size() < 500) {
    const auto value = std::bit_cast<double>(rng.bits());
    if (std::isfinite(value)) values.push_back(value);
  }
  for (const double value : values) log.write({{"x", value}});
  const auto lines = lines_of(folder.path / "x");
  REQUIRE(lines.size() == values.size());
  CHECK(lines[0] == R"({"x":0.1})");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double back = nlohmann::json::parse(lines[i])["x"].get<double>();
    CHECK(std::bit_cast<std::uint64_t>(back) == std::bit_cast<std::uint64_t>(values[i]));
  }
}

TEST_CASE("log: what JSON has no number for becomes a string, text that is no UTF-8 is mended") {
  const temporary_folder folder;
  const double inf = std::numeric_limits<double>::infinity();
  jsonl_log log(folder.path / "x");
  log.write({{"a", std::nan("")}, {"b", inf}, {"c", -inf}, {"d", "bad \xff"}, {"e", 3}});
  CHECK(lines_of(folder.path / "x")[0] ==
        "{\"a\":\"nan\",\"b\":\"inf\",\"c\":\"-inf\",\"d\":\"bad \xef\xbf\xbd\",\"e\":3}");
}

TEST_CASE("log: errors name the file and the reason") {
  const temporary_folder folder;
  CHECK_THROWS_WITH(jsonl_log(folder.path / "no" / "x"), Contains("recllm: jsonl_log: cannot write") &&
                                                             Contains("no/x") &&
                                                             Contains("No such file or directory"));
  CHECK_THROWS_WITH(jsonl_log(folder.path), Contains("Is a directory"));
  jsonl_log full("/dev/full");
  CHECK_THROWS_WITH(full.write({{"a", 1}}), Contains("/dev/full") && Contains("No space left on device"));
  jsonl_log log(folder.path / "x");
  CHECK_THROWS_WITH(log.write(3), "recllm: jsonl_log: a line must be a JSON object, got a number");
  log.write({{"step", 1}});
  std::ofstream(folder.path / "x", std::ios::app) << "not json\n{\"step\":2}\n";
  CHECK_THROWS_WITH(jsonl_log(folder.path / "x", resume_at{.steps = 5}),
                    Contains("x:2: expected a JSON object, got \"not json\"; mend or remove this line"));
  CHECK_THROWS_WITH(jsonl_log(folder.path, resume_at{.steps = 1}), Contains("Is a directory"));
}

TEST_CASE("log: cut at any byte and taken up at any checkpoint, the file is that of an uninterrupted run") {
  const temporary_folder folder;
  constexpr std::ptrdiff_t sft_steps = 12, grpo_steps = 9;
  // Two phases with a validation every 4 steps, a checkpoint after each validation; from (phase, steps done).
  struct checkpoint {
    std::string phase;
    std::ptrdiff_t steps;
    std::uintmax_t bytes;
  };
  std::vector<checkpoint> saved;
  const auto run = [&](jsonl_log& log, const std::filesystem::path& path, const std::string& from,
                       std::ptrdiff_t done) {
    history ran;
    const auto phase = [&](const std::string& name, std::ptrdiff_t first, std::ptrdiff_t last) {
      const auto evaluate = [&](const step_metrics& m) {
        log.write({{"phase", "eval"}, {"step", m.step + 1}, {"ndcg@10", 0.5 / (1.0 + m.loss)}});
      };
      const auto save = [&](const step_metrics& m) { saved.push_back({name, m.step + 1, file_size(path)}); };
      for (const auto& m : steps(ran, last, first) | tee(log.with({{"phase", name}})) |
                               tee(every(4, evaluate)) | tee(every(4, save)))
        CHECK(m.step < last);
    };
    if (from == "sft") phase("sft", done, sft_steps);
    phase("grpo", from == "grpo" ? done : 0, grpo_steps);
    log.write({{"phase", "test"}, {"ndcg@10", 0.25}});
  };
  const auto whole_path = folder.path / "whole", cut_path = folder.path / "cut";
  jsonl_log whole(whole_path);
  run(whole, whole_path, "sft", 0);
  const std::string expected = read_file(whole_path);
  const std::vector<checkpoint> points = saved;
  REQUIRE(points.size() == 5);
  std::size_t wrong = 0;
  for (const checkpoint& point : points)
    for (std::uintmax_t bytes = point.bytes; bytes <= expected.size(); bytes += 7) {
      std::ofstream(cut_path, std::ios::binary) << expected.substr(0, bytes);
      jsonl_log log(cut_path, resume_at{.phase = point.phase, .steps = point.steps});
      CHECK(file_size(cut_path) == point.bytes);
      run(log, cut_path, point.phase, point.steps);
      wrong += read_file(cut_path) != expected;
    }
  CHECK(wrong == 0);
}

TEST_CASE("log: a step that no integer holds is later than any") {
  const temporary_folder folder;
  const auto path = folder.path / "m.jsonl";
  const std::string first = "{\"step\":0}\n{\"step\":-1e300}\n";
  std::ofstream(path) << first << "{\"step\":1e300}\n{\"step\":1}\n";
  jsonl_log(path, resume_at{.steps = 5});
  CHECK(read_file(path) == first);
}

TEST_CASE("log: resumed where nothing is yet, or from the very start") {
  const temporary_folder folder;
  const auto path = folder.path / "x";
  jsonl_log(path, resume_at{.phase = "sft", .steps = 3}).write({{"phase", "sft"}, {"step", 3}});
  CHECK(lines_of(path) == std::vector<std::string>{R"({"phase":"sft","step":3})"});
  jsonl_log from_start(path, resume_at{.phase = "sft", .steps = 0});
  CHECK(lines_of(path).empty());
  std::ofstream(path) << "{\"step\":0}\n{\"step\":1}\n{\"step\":2}\n{\"st";
  jsonl_log any_phase(path, resume_at{.steps = 2});
  CHECK(lines_of(path) == std::vector<std::string>{R"({"step":0})", R"({"step":1})"});
}
