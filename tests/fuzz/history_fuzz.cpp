// Events in words: windows, short and long term, profiles, items. Input: now, days and a count; the
// catalogue, a line "title|description|topic|topic..." each; the events, "item action value time" each;
// attributes, "name=value" each.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <recllm/text/history.hpp>
#include <recllm/text/item_text.hpp>
#include <recllm/text/showable.hpp>
#include <recllm/text/user_text.hpp>

#include "fuzz/fuzz.hpp"

using namespace recllm;
using fuzz::expect;

namespace {

std::vector<item> catalogue_of(const std::string& text) {
  std::vector<item> items;
  for (const std::string& line : fuzz::lines(text)) {
    const std::vector<std::string> fields = fuzz::parts(line, "|", 2);
    items.push_back(
        {"", fields[0], "", {fields.begin() + 2, fields.end()}, fields[1], {{"likes", fields[1]}}});
  }
  return items;
}

std::vector<event> events_of(const std::string& text) {
  std::vector<event> events;
  for (const std::string& line : fuzz::lines(text)) {
    const std::vector<std::string> fields = fuzz::parts(line, " ", 4);
    const auto action =
        static_cast<engagement>(fuzz::whole<std::size_t>(fields[1]) % engagement_names.size());
    events.push_back({0, fuzz::whole<std::size_t>(fields[0]), std::strtod(fields[2].c_str(), nullptr),
                      fuzz::whole<std::int64_t>(fields[3]), action});
  }
  return events;
}

bool within(std::int64_t time, const time_window& window) {
  if (time > window.now) return false;
  // Unsigned: the distance of any two times fits.
  const auto age = static_cast<std::uint64_t>(window.now) - static_cast<std::uint64_t>(time);
  return age <= static_cast<std::uint64_t>(window.days) * 86'400;
}

void check_window(const std::vector<activity>& told, const time_window& window) {
  const auto text = fuzz::attempt([&] { return window_text(told, window); });
  expect(text.value.has_value() == (window.days >= 1 && window.days <= 1'000'000), "days ", window.days);
  if (!text.value) return;
  // The same sentence put together another way: each group's titles are those of its activities in time
  // order.
  std::vector<activity> inside;
  for (const activity& a : told)
    if (within(a.time, window)) inside.push_back(a);
  std::ranges::stable_sort(inside, {}, &activity::time);
  std::vector<std::string> groups;
  std::set<std::pair<std::string, std::string>> seen;
  for (const activity& first : inside) {
    if (!seen.insert({first.action, first.topic}).second) continue;
    std::vector<std::string> titles;
    for (const activity& a : inside)
      if (a.action == first.action && a.topic == first.topic) titles.push_back("'" + a.title + "'");
    const std::string often = titles.size() == 1 ? "1 time" : std::to_string(titles.size()) + " times";
    groups.push_back(first.action + " '" + first.topic + "' " + often + " (" + join(titles, ", ") + ")");
  }
  std::string expected =
      window.days == 1 ? "Over the past day" : "Over the past " + std::to_string(window.days) + " days";
  expected += ", the user " + std::string(groups.empty() ? "did nothing" : "");
  for (std::size_t i = 0; i < groups.size(); ++i)
    expected += (i == 0 ? "" : i + 1 < groups.size() ? ", " : " and ") + groups[i];
  expect(*text.value == expected + ".", "got\n", *text.value, "\nexpected\n", expected);
}

void check_long_term(const std::vector<event>& events, const std::vector<item>& items) {
  std::map<std::string, std::size_t> watched, liked;
  for (const event& e : events)
    for (const std::string& topic : items[e.item].topics) {
      ++watched[topic];
      liked[topic] += strong(e) ? 1 : 0;
    }
  const std::vector<topic_summary> topics = long_term(events, items);
  expect(topics.size() == watched.size(), topics.size(), " topics of ", watched.size());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const topic_summary& t = topics[i];
    expect(t.watched == watched[t.topic] && t.liked == liked[t.topic], "topic ", t.topic);
    if (i == 0) continue;
    const topic_summary& before = topics[i - 1];
    expect(before.watched > t.watched || (before.watched == t.watched && before.topic < t.topic), "order");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 4);
  const std::vector<std::string> numbers = fuzz::parts(texts[0], " ", 3);
  const auto count = fuzz::whole<std::size_t>(numbers[2]);
  const time_window window{fuzz::whole<std::int64_t>(numbers[0]), fuzz::whole<std::int64_t>(numbers[1]),
                           count_wording::digits};
  const std::vector<item> items = catalogue_of(texts[1]);
  std::vector<event> events = events_of(texts[2]);

  user who{"u", {}};
  for (const std::string& line : fuzz::lines(texts[3])) {
    const std::vector<std::string> fields = fuzz::parts(line, "=", 2);
    who.attributes.emplace_back(fields[0], fields[1]);
    const std::string band = age_band(fields[1]);
    expect(std::set<std::string>{"unknown", "under 18", "18-24", "25-34", "35-44", "45-54", "55-64", "65+"}
               .contains(band),
           band);
  }
  const std::string profile = profile_text(who);
  expect(
      profile.empty() == std::ranges::all_of(who.attributes, [](const auto& a) { return a.second.empty(); }),
      "profile: ", profile);

  // As a caller that did not check: an item that is not there or a rating that is no number is refused.
  (void)fuzz::attempt([&] { return activities(events, items, told_by_engagement{}); });
  (void)fuzz::attempt([&] { return long_term(events, items); });
  (void)fuzz::attempt([&] { return short_term_text(events, items, count); });
  std::erase_if(events, [&](const event& e) { return e.item >= items.size() || std::isnan(e.value); });

  check_window(activities(events, items), window);
  check_window(activities(events, items, told_by_engagement{}), window);
  check_long_term(events, items);
  const std::span<const event> last = short_term(events, count);
  expect(last.size() == std::min(count, events.size()) &&
             last.data() + last.size() == events.data() + events.size(),
         "not the last events");
  expect(short_term_text(events, items, count).empty() == last.empty(), "short term");
  const std::vector<activity> told = activities(events, items);
  expect(long_term_text(told, count).empty() == (told.empty() || count == 0), "long term");
  for (const item& one : items) {
    const std::string text = item_text(one, {.description_letters = count});
    expect(text.starts_with(one.title.empty() ? "" : "'" + one.title + "'"), "item: ", text);
    const std::string cut = shortened(one.description, count);
    expect(cut == one.description || cut.ends_with("..."), "shortened: ", cut);
    expect(cut == one.description || one.description.starts_with(cut.substr(0, cut.size() - 3)),
           "shortened: ", cut);
  }
  return 0;
}
