// Amazon's reviews, without and with metadata. Input: reviews, metadata.
#include <recllm/data/read_amazon.hpp>

#include "fuzz/dataset.hpp"

using namespace recllm;
using fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 2);
  const fuzz::file reviews("reviews.json"), metadata("metadata.json");
  reviews.write(texts[0]);
  metadata.write(texts[1]);
  const auto bare = fuzz::attempt([&] { return read_amazon({reviews.path()}); });
  const auto told = fuzz::attempt([&] { return read_amazon({reviews.path(), metadata.path()}); });
  fuzz::expect_place_in(told.refusal, reviews.path().string(), texts[0]);
  fuzz::expect_place_in(told.refusal, metadata.path().string(), texts[1]);
  expect(bare.value || !told.value, "refused without metadata: ", bare.refusal);
  if (bare.value) {
    fuzz::expect_dataset(*bare.value);
    fuzz::expect_written(*bare.value, {.attributes = {}});
  }
  if (told.value) {
    fuzz::expect_dataset(*told.value);
    expect(told.value->items.size() == bare.value->items.size(), "metadata change the items");
    for (const item& one : told.value->items)
      expect(std::set(one.topics.begin(), one.topics.end()).size() == one.topics.size(), "a topic twice");
  }
  return 0;
}
