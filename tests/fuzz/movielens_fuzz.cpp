// MovieLens' folders: ratings, films and users, read in each of the three layouts.
#include <recllm/data/read_movielens.hpp>

#include "fuzz/dataset.hpp"

using namespace recllm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 3);
  const char* const layouts[][3] = {{"u.data", "u.item", "u.user"},
                                    {"ratings.dat", "movies.dat", "users.dat"},
                                    {"ratings.csv", "movies.csv", "users.csv"}};
  for (const auto& names : layouts) {
    for (std::size_t i = 0; i < 3; ++i) fuzz::file(names[i]).write(texts[i]);
    const auto data = fuzz::attempt([] { return read_movielens(fuzz::file::folder()); });
    for (std::size_t i = 0; i < 3; ++i)
      fuzz::expect_place_in(data.refusal, fuzz::file(names[i]).path().string(), texts[i]);
    if (data.value) fuzz::expect_dataset(*data.value);
    for (const char* name : names) std::filesystem::remove(fuzz::file(name).path());
  }
  return 0;
}
