// What a checkpoint says beside the weights: how far the run was, and under which settings.
#pragma once

#include <cstddef>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/train/checkpoint.hpp>

#include "../same_settings.hpp"
#include "movies.hpp"

namespace movielens {

/// The phase ("sft" or "grpo"), the steps done in it, and GRPO's best NDCG@10 on validation so far.
struct run_state {
  std::string phase = "sft";
  std::ptrdiff_t steps = 0;
  double best = 0.0;
};

/// The settings that a resumed run must share with the interrupted one.
inline nlohmann::ordered_json settings_of(const run_options& o) {
  return {{"seed", o.seed},
          {"simulated", o.simulated},
          {"sft_steps", o.sft_steps},
          {"grpo_steps", o.grpo_steps},
          {"group_size", o.group_size},
          {"learning_rate", o.learning_rate},
          {"kl_coef", o.kl_coef},
          {"clip", o.clip.value_or(0.0)},
          {"diversity", o.diversity},
          {"novelty", o.novelty},
          {"unconstrained", o.unconstrained}};
}

inline void write_state(const std::filesystem::path& folder, const run_state& state, const run_options& o) {
  const nlohmann::ordered_json json{
      {"phase", state.phase}, {"steps", state.steps}, {"best", state.best}, {"settings", settings_of(o)}};
  write_file_atomically(folder / "state.json", json.dump(2) + "\n");
}

/// The state of the last checkpoint. Throws where there is none, or where a setting differs.
inline run_state read_state(const checkpoints& saved, const run_options& o) {
  const auto last = saved.latest();
  require(last.has_value(), "--resume: there is no checkpoint in ", o.output.string(),
          "; start without --resume");
  std::ifstream in(last->path / "state.json");
  const nlohmann::ordered_json json = nlohmann::ordered_json::parse(in, nullptr, false);
  require(json.is_object() && json.contains("phase") && json.contains("steps") && json.contains("best") &&
              json.contains("settings"),
          "--resume: ", (last->path / "state.json").string(), " is not a run's state");
  examples::require_same_settings(json["settings"], settings_of(o));
  return {json["phase"].get<std::string>(), json["steps"].get<std::ptrdiff_t>(), json["best"].get<double>()};
}

}  // namespace movielens
