// MovieLens' three layouts. Input: the layout, 100k, 1m, 10m or 20m; ratings, films, users.
#include <recllm/data/read_movielens.hpp>

#include "fuzz/dataset.hpp"

using namespace recllm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 4);
  std::vector<fuzz::file> files;
  std::vector<std::string> attributes;
  if (texts[0] == "100k" || texts[0] == "1m") attributes = {"age", "gender", "occupation", "zip_code"};
  if (texts[0] == "100k")
    files = {fuzz::file("100k/u.data"), fuzz::file("100k/u.item"), fuzz::file("100k/u.user")};
  else if (texts[0] == "1m")
    files = {fuzz::file("1m/ratings.dat"), fuzz::file("1m/movies.dat"), fuzz::file("1m/users.dat")};
  else if (texts[0] == "10m")
    files = {fuzz::file("10m/ratings.dat"), fuzz::file("10m/movies.dat")};
  else
    files = {fuzz::file("20m/ratings.csv"), fuzz::file("20m/movies.csv")};
  for (std::size_t i = 0; i < files.size(); ++i) files[i].write(texts[i + 1]);

  const auto data = fuzz::attempt([&] { return read_movielens(files[0].path().parent_path()); });
  for (std::size_t i = 0; i < files.size(); ++i)
    fuzz::expect_place_in(data.refusal, files[i].path().string(), texts[i + 1]);
  if (!data.value) return 0;
  fuzz::expect_dataset(*data.value);
  for (const item& one : data.value->items) {
    fuzz::expect(one.year.empty() || (one.year.size() == 4 && fuzz::whole<int>(one.year, -1) >= 0), "year ",
                 one.year);
    fuzz::expect(!one.title.starts_with(' ') && !one.title.ends_with(' '), "title '", one.title, "'");
  }
  fuzz::expect_written(*data.value, {.attributes = attributes});
  return 0;
}
