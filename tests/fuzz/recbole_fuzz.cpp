// RecBole's atomic files. Input: .user, .item, .inter.
#include <recllm/data/read_recbole.hpp>

#include "fuzz/dataset.hpp"

using namespace recllm;

namespace {

void check(const std::vector<std::string>& texts, const recbole_settings& settings) {
  const auto data = fuzz::attempt([&] { return read_recbole(fuzz::file::folder(), settings); });
  const char* const names[] = {"read.user", "read.item", "read.inter"};
  for (std::size_t i = 0; i < 3; ++i)
    fuzz::expect_place_in(data.refusal, fuzz::file(names[i]).path().string(), texts[i]);
  if (!data.value) return;
  fuzz::expect_dataset(*data.value);
  fuzz::expect(fuzz::events_of(*data.value) > 0, "no events");
  fuzz::expect_written(*data.value, settings);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 3);
  fuzz::file("read.user").write(texts[0]);
  fuzz::file("read.item").write(texts[1]);
  fuzz::file("read.inter").write(texts[2]);
  check(texts, {.name = "read", .attributes = {"age"}});
  check(texts, {.name = "read",
                .action = "action",
                .year = "",
                .description = "description",
                .item_attributes = {"brand", "price"},
                .attributes = {}});
  return 0;
}
