// RecBole's atomic files: the input is .user, .item and .inter.
#include <algorithm>
#include <cmath>

#include <recllm/data.hpp>

#include "fuzz.hpp"

using namespace recllm;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::memory_folder folder;
  const auto files = fuzz::parts_of(fuzz::text_of(data, size), 3);
  folder.write("x.user", files[0]);
  folder.write("x.item", files[1]);
  folder.write("x.inter", files[2]);
  recbole_settings settings{.name = "x", .attributes = {"age"}};
  settings.action = files.size() > 3 ? "action" : "";
  fuzz::may_refuse([&] {
    const dataset read = read_recbole(folder.path, settings);
    fuzz::promise(read.histories.size() == read.users.size(), "a history for each user");
    for (std::size_t u = 0; u < read.histories.size(); ++u) {
      fuzz::promise(std::ranges::is_sorted(read.histories[u], {}, &event::time), "time order");
      for (const event& e : read.histories[u]) {
        fuzz::promise(e.user == u && e.item < read.items.size(), "users and items that are there");
        fuzz::promise(std::isfinite(e.value), "finite values");
      }
    }
    fuzz::may_refuse([&] {  // what was read and can be written is read back
      settings.name = "y";
      write_recbole(read, folder.path, settings);
      const dataset again = read_recbole(folder.path, settings);
      fuzz::promise(again.histories.size() == read.histories.size(), "as many users");
      for (std::size_t u = 0; u < read.histories.size(); ++u) {
        fuzz::promise(again.histories[u].size() == read.histories[u].size(), "as many events");
        for (std::size_t i = 0; i < read.histories[u].size(); ++i)
          fuzz::promise(again.histories[u][i].item == read.histories[u][i].item &&
                            again.histories[u][i].value == read.histories[u][i].value &&
                            again.histories[u][i].time == read.histories[u][i].time,
                        "the same events");
      }
    });
  });
  return 0;
}
