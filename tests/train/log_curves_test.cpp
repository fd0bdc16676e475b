// Curves are read as logged, averaged by the window, and keep their extremes when thinned.
#include <recllm/train/log_curves.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;

TEST_CASE("curves are read by phase and key; what is no number is a gap, a torn last line is none") {
  const temporary_folder folder;
  const auto path = folder.path / "metrics.jsonl";
  {
    std::ofstream log(path);
    for (int i = 0; i < 60; ++i)
      log << R"({"phase":"sft","step":)" << i << R"(,"loss":1.5})"
          << "\n\n";
    for (int i = 0; i < 60; ++i)
      log << R"({"phase":"grpo","step":)" << i << R"(,"loss":)" << -i << R"(,"kl":"nan"})" << '\n';
    log << R"({"phase":"test","loss":7})" << '\n' << R"({"step":61,"lo)";
  }
  const auto curves = detail::read_curves(path, {{"", "loss"}, {"grpo", "loss"}, {"", "kl"}, {"sft", "kl"}});
  CHECK(curves.at({"", "loss"}).size() == 120);
  REQUIRE(curves.at({"grpo", "loss"}).size() == 60);
  CHECK(curves.at({"grpo", "loss"})[59].x == 59.0);
  CHECK(curves.at({"grpo", "loss"})[59].y == -59.0);
  REQUIRE(curves.at({"", "kl"}).size() == 60);
  CHECK(std::isnan(curves.at({"", "kl"})[0].y));
  CHECK(curves.at({"sft", "kl"}).empty());
  CHECK(detail::read_curves("/no/such/file", {}).empty());

  const auto front = detail::read_curves(path, {{"grpo", "step", "loss"}, {"grpo", "loss", "kl"}});
  REQUIRE(front.at({"grpo", "step", "loss"}).size() == 60);
  CHECK(front.at({"grpo", "step", "loss"})[59].x == -59.0);
  CHECK(front.at({"grpo", "step", "loss"})[59].y == 59.0);
  CHECK(front.at({"grpo", "loss", "kl"}).empty());  // no number to draw it over
}

TEST_CASE("running mean equals the mean of the window around each point") {
  using points = std::vector<detail::log_point>;
  const points raw{{0, 1}, {1, 2}, {2, 6}, {3, std::nan("")}, {4, 4}};
  const points three = detail::running_mean(raw, 3);
  CHECK(three[0].y == Approx(1.5));
  CHECK(three[1].y == Approx(3.0));
  CHECK(three[2].y == Approx(4.0));
  CHECK(std::isnan(three[3].y));
  CHECK(three[4].y == Approx(4.0));
  const points same = detail::running_mean(raw, 1);
  for (const std::size_t i : {0, 1, 2, 4}) CHECK(same[i].y == raw[i].y);
  CHECK(detail::running_mean({}, 4).empty());
  CHECK(detail::running_mean(raw, 100)[1].y == Approx(13.0 / 4.0));
}

TEST_CASE("a long curve is thinned to its extremes") {
  const std::uint64_t seed = 5;
  INFO("seed " << seed);
  random_stream rng(seed);
  std::vector<detail::log_point> all;
  for (int i = 0; i < 123457; ++i) all.push_back({static_cast<double>(i), rng.normal()});
  all[77].y = std::nan("");
  all[5000].y = 99.0;
  all[60000].y = -99.0;
  const auto few = detail::thinned(all);
  CHECK(few.size() <= 1010);
  CHECK(few.size() >= 900);
  CHECK(detail::range_of(few) == std::pair(-99.0, 99.0));
  CHECK(std::is_sorted(few.begin(), few.end(), [](const auto& a, const auto& b) { return a.x < b.x; }));
  CHECK(std::all_of(few.begin(), few.end(),
                    [&](const auto& p) { return all[static_cast<std::size_t>(p.x)].y == p.y; }));
  const std::vector<detail::log_point> gap(5000, {0.0, std::nan("")});
  CHECK(detail::thinned(gap).size() == 500);
  CHECK(detail::thinned(std::vector(all.begin(), all.begin() + 800)).size() == 800);
}
