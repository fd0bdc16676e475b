// Amazon's sequences, under a header and without one, with items and without any.
#include <recllm/data/read_amazon.hpp>

#include "fuzz/dataset.hpp"

using namespace recllm;

namespace {

void check(dataset data) {
  fuzz::expect_dataset(data);
  for (item& one : data.items) one.attributes.clear();  // each item has those that it has
  fuzz::expect_written(data, {.action = "action", .attributes = {}});
  fuzz::expect(fuzz::events_of(data) > 0, "no events");
  for (const std::vector<event>& history : data.histories)
    for (std::size_t i = 0; i < history.size(); ++i)
      fuzz::expect(history[i].time == static_cast<std::int64_t>(i) && history[i].value == 1 &&
                       history[i].action == engagement::purchase,
                   "place ", i, " of a sequence");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 2);
  const fuzz::file items("items.tsv");
  for (const char* name : {"sequences.tsv", "sequential_data.txt"})
    for (const bool has_items : {true, false}) {
      const fuzz::file sequences(name);
      sequences.write(texts[0]);
      if (has_items) items.write(texts[1]);
      const auto data = fuzz::attempt([] { return read_amazon_sequences(fuzz::file::folder()); });
      fuzz::expect_place_in(data.refusal, sequences.path().string(), texts[0]);
      fuzz::expect_place_in(data.refusal, items.path().string(), texts[1]);
      if (data.value) check(*data.value);
      std::filesystem::remove(sequences.path());
      std::filesystem::remove(items.path());
    }
  return 0;
}
