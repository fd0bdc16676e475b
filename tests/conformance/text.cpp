// ops parse_answer and prompt_window.
#include <cmath>
#include <cstdint>
#include <unordered_map>

#include <recllm/text/answer.hpp>
#include <recllm/text/history.hpp>

#include "operations.hpp"

namespace conformance {
namespace {

using namespace recllm;

json parsed(const json& object) {
  const fields request(object);
  const std::string text = request.text("text");
  const json& pool = request.any("pool");
  if (!pool.is_object()) request.fail("pool", "an object of titles by id");
  bool by_title = false;
  request.read("style", by_title, {{"ids", false}, {"titles", true}});

  std::vector<std::string> ids;
  std::unordered_map<std::string, std::size_t> by_id;
  title_pool titles;
  for (const auto& [id, title] : pool.items()) {
    if (by_title && !title.is_string()) request.fail("pool", "an object of titles by id");
    if (by_title) titles.add(title.get<std::string>(), ids.size());
    by_id.emplace(id, ids.size());
    ids.push_back(id);
  }
  const parsed_answer answer = by_title ? parse_answer(text, titles) : parse_answer(text, by_id);
  json items = json::array(), rejected = json::array();
  for (const std::size_t item : answer.items) items.push_back(ids[item]);
  for (const rejected_part& part : answer.rejected)
    rejected.push_back({{"line", part.text}, {"number", part.line}, {"reason", part.reason}});
  return {{"items", items},
          {"rejected", rejected},
          {"well_formed", answer.well_formed},
          {"reasoning", answer.reasoning}};
}

std::int64_t whole(const fields& from, std::string_view name) {
  const double x = from.number(name);
  if (!(std::abs(x) < 1e15)) from.fail(name, "seconds below 1e15");
  return static_cast<std::int64_t>(std::floor(x));
}

json window(const json& object) {
  const fields request(object);
  time_window span{.now = whole(request, "now"), .wording = count_wording::digits};
  if (request.has("window_days")) span.days = whole(request, "window_days");
  const json& events = request.any("events");
  if (!events.is_array()) request.fail("events", "a list of events");
  std::vector<activity> told;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const fields e(events[i], "events[" + std::to_string(i) + "].");
    told.push_back({e.text("action"), e.text("topic"), e.text("title"), whole(e, "time")});
  }
  return {{"text", window_text(told, span)}};
}

const added answers{"parse_answer", parsed}, windows{"prompt_window", window};

}  // namespace
}  // namespace conformance
