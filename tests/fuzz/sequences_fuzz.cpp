// Amazon's sequences, under a header and without one, with items and without any.
#include <recllm/data/read_amazon.hpp>

#include "fuzz/dataset.hpp"

using namespace recllm;

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
      if (data.value) fuzz::expect_dataset(*data.value);
      std::filesystem::remove(sequences.path());
      std::filesystem::remove(items.path());
    }
  return 0;
}
