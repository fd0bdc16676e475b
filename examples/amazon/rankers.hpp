// SFT of several rankers at once, with checkpoints.
#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <ATen/Parallel.h>

#include <recllm/sft.hpp>
#include <recllm/train/callbacks.hpp>
#include <recllm/train/checkpoint.hpp>
#include <recllm/train/progress.hpp>

#include "shop.hpp"

namespace shop {

/// Calls job(0), ..., job(count - 1), two at a time, a core each. What a job throws is thrown here, after the
/// other one's end.
template <class Job>
void two_at_a_time(std::size_t count, const Job& job) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    at::set_num_threads(1);
    for (std::size_t number = next++; number < count; number = next++) job(number);
  };
  std::future<void> other = std::async(std::launch::async, work);
  work();
  other.get();
}

/// A ranker, what it learns and how. Its name is that of its folder.
struct training {
  std::string name;
  ranker model;
  std::vector<example<shopper, lm::item_answer>> lessons;
  fit_options settings;
};

/// What differs between the trainings of one run.
struct training_options {
  double epochs;
  std::uint64_t seed;
};

/// SFT on next items of whole sequences: cross-entropy over the catalogue.
inline training training_of(std::string name, const item_facts& facts, std::span<const sequence> sequences,
                            training_options options, bool reasons) {
  return {std::move(name),
          untrained_ranker(facts, reasons, random_stream(options.seed)),
          lessons_of(sequences),
          {.epochs = options.epochs,
           .batch_size = 128,
           .learning_rate = 2e-3,
           .schedule = schedule::linear,
           .warmup_steps = 200,
           .max_grad_norm = 5.0,
           .seed = options.seed}};
}

/// Gives what was freed back to the system: glibc would keep gigabytes that training's tensors leave.
inline void trim_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

/// Trains all, each with its log and a checkpoint an epoch in a folder of `output`; goes on from the last
/// checkpoints with `resume`. After stop() was true a checkpoint is saved and they are left as they are.
/// Throws std::invalid_argument where two have one name.
inline void train_rankers(std::span<training> trainings, const std::filesystem::path& output, bool resume,
                          const std::function<bool()>& stop) {
  std::size_t total = 0, first = 0;
  for (training& one : trainings) {
    require(std::ranges::count(trainings, one.name, &training::name) == 1, "two models are called ", one.name,
            ": is a seed given twice?");
    checkpoints saved(output / one.name);
    if (!resume) saved.clear();
    if (const auto last = saved.latest()) {
      one.model.load(last->path);
      one.settings.first_step = last->step;
    }
    total += static_cast<std::size_t>(steps_of(one.settings, one.lessons.size()));
    first += static_cast<std::size_t>(one.settings.first_step);
  }
  std::mutex one_writes;
  progress bar({.label = "SFT ", .total = total, .first = first, .show = {"loss"}});
  two_at_a_time(trainings.size(), [&](std::size_t number) {
    training& mine = trainings[number];
    checkpoints saved(output / mine.name);
    jsonl_log log(output / mine.name / "metrics.jsonl", resume_at{.steps = mine.settings.first_step});
    const std::ptrdiff_t steps = steps_of(mine.settings, mine.lessons.size());
    const auto epoch = static_cast<std::ptrdiff_t>(static_cast<double>(steps) / mine.settings.epochs);
    for (const auto& m : fit(mine.model, sft{}, mine.lessons, mine.settings) | until(stop)) {
      const std::ptrdiff_t done = m.step + 1;
      if (done % epoch == 0 || done == steps || stop())
        saved.save(done, [&](const std::filesystem::path& to) { mine.model.save(to); });
      log(m);
      const std::lock_guard writing(one_writes);
      bar(m);
    }
    trim_memory();
  });
}

}  // namespace shop
