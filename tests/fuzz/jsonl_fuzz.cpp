// JSON lines, engagement logs and Amazon's: events, items and users.
#include <recllm/data/read_amazon.hpp>
#include <recllm/data/read_jsonl.hpp>

#include "fuzz/dataset.hpp"

using namespace recllm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 3);
  const fuzz::file events("events"), items("items"), users("users");
  events.write(texts[0]);
  items.write(texts[1]);
  users.write(texts[2]);
  const auto check = [&](const fuzz::outcome<dataset>& data) {
    fuzz::expect_place_in(data.refusal, events.path().string(), texts[0]);
    fuzz::expect_place_in(data.refusal, items.path().string(), texts[1]);
    fuzz::expect_place_in(data.refusal, users.path().string(), texts[2]);
    if (data.value) fuzz::expect_dataset(*data.value);
  };
  for (const time_format format : {time_format::seconds, time_format::milliseconds, time_format::iso_8601})
    check(fuzz::attempt([&] {
      return read_jsonl(
          {events.path(), items.path(), users.path()},
          {.time_as = format, .item_attributes = {"/stats/likes"}, .attributes = {"age", "/a/0"}});
    }));
  check(fuzz::attempt([&] { return read_amazon({.reviews = events.path(), .metadata = items.path()}); }));
  return 0;
}
