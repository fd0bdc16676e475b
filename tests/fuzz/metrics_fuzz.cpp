// Logs of JSON lines: their curves, and where a resumed run goes on. Input: phase, key and steps; the log.
#include <cmath>

#include <recllm/train/callbacks.hpp>
#include <recllm/train/log_curves.hpp>

#include "fuzz/fuzz.hpp"

using namespace recllm;
using fuzz::expect;

namespace {

void check_curves(const fuzz::file& log, const std::string& text, const std::string& phase,
                  const std::string& key) {
  const std::vector<detail::curve_name> names{{"", "loss"}, {phase, key}, {phase, "loss", key}};
  const auto curves = fuzz::attempt([&] { return detail::read_curves(log.path(), names); });
  fuzz::expect_place_in(curves.refusal, log.path().string(), text);
  if (!curves.value) return;
  for (const detail::curve_name& name : names) expect(curves.value->contains(name), "no curve of ", name.key);
  for (const auto& [name, points] : *curves.value) {
    expect(points.size() <= fuzz::lines(text).size(), "more points than lines");
    for (const detail::log_point& p : points)
      expect(std::isfinite(p.x) && !std::isinf(p.y), "a point at ", p.x, ", ", p.y);
    const auto range = detail::range_of(points);
    for (const std::size_t window : {1, 2, 5}) {
      const std::vector<detail::log_point> smooth = detail::running_mean(points, window);
      expect(smooth.size() == points.size(), "running mean of ", smooth.size(), " points");
    }
    std::vector<detail::log_point> many;
    while (!points.empty() && many.size() < 1500) many.insert(many.end(), points.begin(), points.end());
    const auto few = detail::thinned(many);
    expect(few.size() <= 1502 && detail::range_of(few) == range, "thinned to ", few.size(), " points");
  }
}

void check_resume(const fuzz::file& log, const std::string& text, const resume_at& from) {
  const auto cut = fuzz::attempt([&] { return jsonl_log(log.path(), from), true; });
  fuzz::expect_place_in(cut.refusal, log.path().string(), text);
  const std::string kept = log.read();
  expect(cut.value || kept == text, "a refused log was changed");
  if (!cut.value) return;
  expect(text.starts_with(kept) && (kept.empty() || kept.ends_with('\n')), "not the first lines: ", kept);
  jsonl_log again(log.path(), from);
  expect(log.read() == kept, "cut twice, it is another");
  again.write({{"phase", from.phase}, {"step", from.steps}, {"loss", std::nan("")}});
  const std::string line = log.read().substr(kept.size());
  const auto object = nlohmann::json::parse(line);
  expect(line.ends_with('\n') && object["loss"] == "nan", "a line of its own: ", line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 2);
  const std::vector<std::string> words = fuzz::parts(texts[0], " ", 3);
  const fuzz::file log("metrics.jsonl");
  log.write(texts[1]);
  check_curves(log, texts[1], words[0], words[1]);
  check_resume(log, texts[1], {words[0], fuzz::whole<std::ptrdiff_t>(words[2])});
  return 0;
}
