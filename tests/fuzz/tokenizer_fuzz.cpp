// tokenizer.json of the WordLevel kind: the input is the file, then a text.
#include <recllm/text/tokenizer.hpp>

#include "fuzz.hpp"

using namespace recllm;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::memory_folder folder;
  const auto parts = fuzz::parts_of(fuzz::text_of(data, size), 2);
  fuzz::may_refuse([&] {
    const word_level_tokenizer tokenizer =
        word_level_tokenizer::load(folder.write("tokenizer.json", parts[0]));
    const std::vector<int> ids = tokenizer.encode(parts[1]);
    for (const int id : ids)
      fuzz::promise(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocab_size(),
                    "ids of the vocabulary");
    static_cast<void>(tokenizer.decode(ids));
    tokenizer.save(folder.path / "saved.json");
    fuzz::promise(word_level_tokenizer::load(folder.path / "saved.json").encode(parts[1]) == ids,
                  "a saved tokenizer says the same");
  });
  return 0;
}
