// What is trained on and what is held out: leave-one-out and temporal splits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/data/interactions.hpp>

namespace recllm {

/// One question to a model: what does this user choose at this place of histories[user], given all before?
struct held_out {
  std::size_t user = 0;
  std::size_t target_position = 0;
};

/// A dataset cut in two. Events histories[u][0], ..., [train_end[u] - 1] may be trained on, later ones may
/// not.
struct data_split {
  std::vector<std::size_t> train_end;  ///< one a user
  std::vector<held_out> validation;    ///< by user; may be empty
  std::vector<held_out> test;          ///< by user
};

/// Users with fewer targets than this are trained on and never asked about. At least 2.
struct leave_one_out_settings {
  std::size_t min_targets = 3;
};

/// Leave-one-out: a user's last target is the test, the last but one the validation, all events before that
/// are training data. Targets are the events that satisfy `rule`; the history of a target is every event
/// before it, target or not. A target without any history is no question and is left out.
/// Time is cut for each user apart: others may be trained on at later times; temporal_split cuts all at once.
template <class Rule = any_event>
[[nodiscard]] data_split leave_one_out(const dataset& data, Rule rule = {},
                                       leave_one_out_settings settings = {}) {
  require(settings.min_targets >= 2, "recllm: leave_one_out: min_targets is ", settings.min_targets,
          "; a validation and a test target need at least 2");
  data_split split;
  for (std::size_t u = 0; u < data.histories.size(); ++u) {
    const std::vector<event>& history = data.histories[u];
    std::vector<std::size_t> targets;
    for (std::size_t position = 0; position < history.size(); ++position)
      if (rule(history[position])) targets.push_back(position);
    split.train_end.push_back(history.size());
    if (targets.size() < settings.min_targets) continue;
    const std::size_t last_but_one = targets[targets.size() - 2];
    split.train_end.back() = last_but_one;
    if (last_but_one > 0) split.validation.push_back({u, last_but_one});
    split.test.push_back({u, targets.back()});
  }
  return split;
}

/// Where a temporal split cuts, in seconds since the epoch: validation <= test <= end.
struct split_times {
  std::int64_t validation = 0;  ///< training data is what comes before
  std::int64_t test = 0;        ///< validation targets are in [validation, test)
  std::int64_t end = std::numeric_limits<std::int64_t>::max();  ///< test targets are in [test, end)
};

/// Temporal split: training data is every event before `cut.validation`; in each of the two windows each user
/// is asked for the first target. A target's history is every event before it, those of an earlier window
/// too. Users with no event before a window or no target in it are not asked about there. Throws
/// std::invalid_argument for times out of order.
template <class Rule = any_event>
[[nodiscard]] data_split temporal_split(const dataset& data, split_times cut, Rule rule = {}) {
  require(cut.validation <= cut.test && cut.test <= cut.end, "recllm: temporal_split: the times are ",
          cut.validation, ", ", cut.test, ", ", cut.end, "; expected validation <= test <= end");
  data_split split;
  for (std::size_t u = 0; u < data.histories.size(); ++u) {
    const std::vector<event>& history = data.histories[u];
    const auto place_of = [&](std::int64_t time) {
      return std::ranges::lower_bound(history, time, {}, &event::time);
    };
    const auto ask = [&](std::int64_t from, std::int64_t to, std::vector<held_out>& questions) {
      const auto first = place_of(from), last = place_of(to);
      const auto target = std::find_if(first, last, rule);
      if (first != history.begin() && target != last)
        questions.push_back({u, static_cast<std::size_t>(target - history.begin())});
    };
    split.train_end.push_back(static_cast<std::size_t>(place_of(cut.validation) - history.begin()));
    ask(cut.validation, cut.test, split.validation);
    ask(cut.test, cut.end, split.test);
  }
  return split;
}

/// The same with a test alone, which begins at `cut` and has no end.
template <class Rule = any_event>
[[nodiscard]] data_split temporal_split(const dataset& data, std::int64_t cut, Rule rule = {}) {
  return temporal_split(data, split_times{.validation = cut, .test = cut}, rule);
}

/// The time before which `share` (0 to 1) of all events lie, as near as ties allow: a cut for temporal_split.
[[nodiscard]] inline std::int64_t time_at_share(const dataset& data, double share) {
  require(share >= 0 && share <= 1, "recllm: time_at_share: share is ", share, "; expected 0 to 1");
  std::vector<std::int64_t> times;
  for (const std::vector<event>& history : data.histories)
    for (const event& e : history) times.push_back(e.time);
  require(!times.empty(), "recllm: time_at_share: the data has no events");
  const auto rank =
      std::min(times.size() - 1, static_cast<std::size_t>(share * static_cast<double>(times.size())));
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(rank), times.end());
  return times[rank];
}

namespace detail {

/// histories[question.user], once it is sure that it holds the target.
inline std::span<const event> asked_history(const dataset& data, held_out question, const char* who) {
  require(question.user < data.histories.size(), "recllm: ", who, ": there is no user ", question.user,
          " among ", data.histories.size(), ", numbered from 0");
  const std::vector<event>& history = data.histories[question.user];
  require(question.target_position < history.size(), "recllm: ", who, ": user '",
          data.users[question.user].id, "' has ", history.size(), " events, so no target at position ",
          question.target_position);
  return history;
}

/// Each user has a train_end within the history.
inline void check_train_end(const dataset& data, const data_split& split, const char* who) {
  require(split.train_end.size() == data.histories.size(), "recllm: ", who, ": train_end has ",
          split.train_end.size(), " entries for ", data.histories.size(),
          " users; was the split made of other data?");
  for (std::size_t u = 0; u < data.histories.size(); ++u)
    require(split.train_end[u] <= data.histories[u].size(), "recllm: ", who, ": user '", data.users[u].id,
            "' has ", data.histories[u].size(), " events, but train_end ", split.train_end[u],
            "; was the split made of other data?");
}

}  // namespace detail

/// All events of the user before the target, oldest first. Borrows from `data`. Throws std::invalid_argument
/// if there is no such target.
[[nodiscard]] inline std::span<const event> history_of(const dataset& data, held_out question) {
  return detail::asked_history(data, question, "history_of").first(question.target_position);
}

/// The target and all events of the user after it: where labels come from. Borrows from `data`. Throws
/// std::invalid_argument if there is no such target.
[[nodiscard]] inline std::span<const event> future_of(const dataset& data, held_out question) {
  return detail::asked_history(data, question, "future_of").subspan(question.target_position);
}

/// The item sequences of the training part, one a user (empty ones stay, so that positions are users).
template <class Rule = any_event>
[[nodiscard]] std::vector<std::vector<std::size_t>> training_sequences(const dataset& data,
                                                                       const data_split& split,
                                                                       Rule rule = {}) {
  detail::check_train_end(data, split, "training_sequences");
  std::vector<std::vector<std::size_t>> sequences;
  for (std::size_t u = 0; u < data.histories.size(); ++u)
    sequences.push_back(item_sequence(std::span(data.histories[u]).first(split.train_end[u]), rule));
  return sequences;
}

}  // namespace recllm
