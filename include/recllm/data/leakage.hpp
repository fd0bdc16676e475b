// Proofs that no event later than the cut reaches a prompt or the training data.
//
// A prompt asks for a target: it may show what stands before the target in the user's order of time, which at
// equal times is the order of the file. Each proof throws std::invalid_argument that names user and
// positions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/data/split.hpp>

namespace recllm {

/// The positions in histories[user] that one prompt shows, beside the target it asks for.
struct shown_positions {
  std::size_t user = 0;
  std::size_t target_position = 0;
  std::vector<std::size_t> positions;
};

/// Every shown position is before its target in the user's order, and its time is not later.
inline void prove_no_leakage(const dataset& data, std::span<const shown_positions> prompts) {
  for (const shown_positions& prompt : prompts) {
    const std::span<const event> history =
        detail::asked_history(data, {prompt.user, prompt.target_position}, "prove_no_leakage");
    for (const std::size_t position : prompt.positions)
      require(
          position < prompt.target_position && history[position].time <= history[prompt.target_position].time,
          "recllm: prove_no_leakage: user '", data.users[prompt.user].id, "': the prompt shows position ",
          position, ", which is not earlier than its target at position ", prompt.target_position,
          "; show only events before the target");
  }
}

/// Every event that a prompt shows, as it was given to the functions that write it (text/history.hpp) or
/// copied, is one of the user's events before the target.
inline void prove_no_leakage(const dataset& data, held_out question, std::span<const event> shown) {
  const std::span<const event> past =
      detail::asked_history(data, question, "prove_no_leakage").first(question.target_position);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const event& e = shown[i];
    auto other = std::ranges::lower_bound(past, e.time, {}, &event::time);
    const auto is_other = [&] {
      return other->user != e.user || other->item != e.item || other->value != e.value ||
             other->action != e.action;
    };
    while (other != past.end() && other->time == e.time && is_other()) ++other;
    const bool known = other != past.end() && other->time == e.time;
    require(known, "recllm: prove_no_leakage: user '", data.users[question.user].id,
            "': the prompt shows as event ", i, " of ", shown.size(), " item ", e.item, " at time ", e.time,
            ", which is none of the ", past.size(), " events before its target; show only those");
  }
}

/// Every event that a prompt shows is earlier than `cut` (seconds): what holds of all prompts together where
/// time is cut at once for all users.
inline void prove_no_leakage(std::span<const event> shown, std::int64_t cut) {
  for (std::size_t i = 0; i < shown.size(); ++i)
    require(shown[i].time < cut, "recllm: prove_no_leakage: the prompt of user ", shown[i].user,
            " shows as event ", i, " of ", shown.size(), " item ", shown[i].item, " at time ", shown[i].time,
            ", which is not before the cut at ", cut, "; show only events before the cut");
}

/// No held-out target is training data, no validation target comes at or after the user's test target, and
/// everything before a target is not later in time.
inline void prove_no_leakage(const dataset& data, const data_split& split) {
  detail::check_train_end(data, split, "prove_no_leakage");
  constexpr auto nowhere = static_cast<std::size_t>(-1);
  std::vector<std::size_t> test_position(data.histories.size(), nowhere);
  const auto check = [&](held_out question, const char* kind) {
    shown_positions all{question.user, question.target_position, {}};
    for (std::size_t position = 0; position < question.target_position; ++position)
      all.positions.push_back(position);
    prove_no_leakage(data, std::span<const shown_positions>(&all, 1));
    require(split.train_end[question.user] <= question.target_position, "recllm: prove_no_leakage: user '",
            data.users[question.user].id, "': the ", kind, " target at position ", question.target_position,
            " is training data, which ends before position ", split.train_end[question.user]);
  };
  for (const held_out question : split.test) {
    check(question, "test");
    test_position[question.user] = std::min(test_position[question.user], question.target_position);
  }
  for (const held_out question : split.validation) {
    check(question, "validation");
    require(question.target_position < test_position[question.user], "recllm: prove_no_leakage: user '",
            data.users[question.user].id, "': the validation target at position ", question.target_position,
            " is not before the test target at position ", test_position[question.user]);
  }
}

/// The same, and for all users at once: no training event is at or after `cut` (seconds), no target before
/// it.
inline void prove_no_leakage(const dataset& data, const data_split& split, std::int64_t cut) {
  prove_no_leakage(data, split);
  for (std::size_t u = 0; u < data.histories.size(); ++u)
    for (std::size_t position = 0; position < split.train_end[u]; ++position)
      require(data.histories[u][position].time < cut, "recllm: prove_no_leakage: user '", data.users[u].id,
              "': position ", position, " is training data at time ", data.histories[u][position].time,
              ", which is not before the cut at ", cut);
  for (const std::vector<held_out>* questions : {&split.validation, &split.test})
    for (const held_out question : *questions) {
      const std::int64_t time = data.histories[question.user][question.target_position].time;
      require(time >= cut, "recllm: prove_no_leakage: user '", data.users[question.user].id,
              "': the target at position ", question.target_position, " is at time ", time,
              ", before the cut at ", cut);
    }
}

}  // namespace recllm
