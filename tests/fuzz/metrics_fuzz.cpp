// metrics.jsonl, as reports read it and as a resumed run takes it up.
#include <recllm/train/callbacks.hpp>
#include <recllm/train/log_curves.hpp>

#include "fuzz.hpp"

using namespace recllm;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::memory_folder folder;
  const std::string file = folder.write("metrics.jsonl", fuzz::text_of(data, size));
  fuzz::may_refuse([&] {
    const auto curves = detail::read_curves(file, {{"sft", "loss"}, {"", "loss", "kl"}});
    fuzz::promise(curves.size() == 2, "the curves that were asked for");
  });
  fuzz::may_refuse([&] {
    jsonl_log log(file, resume_at{"sft", 3});
    log.write({{"phase", "sft"}, {"step", 3}});
  });
  return 0;
}
