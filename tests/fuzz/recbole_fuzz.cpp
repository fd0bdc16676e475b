// RecBole's atomic files: .user, .item and .inter. What is read is a dataset, and comes back from the files
// that are written of it.
#include <algorithm>

#include <recllm/data/readers.hpp>
#include <recllm/data/write_recbole.hpp>

#include "fuzz/dataset.hpp"

using namespace recllm;
using fuzz::expect;

namespace {

bool same(const event& a, const event& b) {
  return a.user == b.user && a.item == b.item && a.value == b.value && a.time == b.time &&
         a.action == b.action;
}

bool same(const dataset& a, const dataset& b) {
  const auto users = [](const user& x, const user& y) {
    return x.id == y.id && x.attributes == y.attributes;
  };
  const auto items = [](const item& x, const item& y) {
    return x.id == y.id && x.title == y.title && x.year == y.year && x.topics == y.topics &&
           x.description == y.description && x.attributes == y.attributes;
  };
  const auto events = [](const event& x, const event& y) { return same(x, y); };
  const auto histories = [&](const auto& x, const auto& y) { return std::ranges::equal(x, y, events); };
  return std::ranges::equal(a.users, b.users, users) && std::ranges::equal(a.items, b.items, items) &&
         std::ranges::equal(a.histories, b.histories, histories);
}

void read(const std::vector<std::string>& texts, const recbole_settings& settings) {
  const auto data = fuzz::attempt([&] { return read_recbole(fuzz::file::folder(), settings); });
  const char* const names[] = {"read.user", "read.item", "read.inter"};
  for (std::size_t i = 0; i < 3; ++i)
    fuzz::expect_place_in(data.refusal, fuzz::file(names[i]).path().string(), texts[i]);
  if (!data.value) return;
  fuzz::expect_dataset(*data.value);
  expect(fuzz::events_of(*data.value) > 0, "no events");
  recbole_settings again = settings;
  again.name = "written";
  const auto written =
      fuzz::attempt([&] { return write_recbole(*data.value, fuzz::file::folder(), again), true; });
  if (written.value)
    expect(same(read_recbole(fuzz::file::folder(), again), *data.value),
           "what was written is read as another");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 3);
  fuzz::file("read.user").write(texts[0]);
  fuzz::file("read.item").write(texts[1]);
  fuzz::file("read.inter").write(texts[2]);
  read(texts, {.name = "read", .attributes = {"age"}});
  read(texts, {.name = "read",
               .action = "action",
               .year = "",
               .description = "description",
               .item_attributes = {"brand", "price"},
               .attributes = {}});
  return 0;
}
