// A lazy single-pass range of training steps: a step runs when its element is read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

namespace recllm {

/// Steps first, first + 1, ..., last - 1. Reading an element runs its step, once; `break` leaves the rest
/// undone and
/// `++` never starts the next step. An element that is passed over unread is run then, so that dropping
/// elements does not drop training. A step that throws stays the current one. An input range; moving it keeps
/// its iterators valid.
template <class Metrics>
class step_range {
  struct state {
    std::function<Metrics(std::ptrdiff_t)> run;
    std::ptrdiff_t current, last;
    std::optional<Metrics> done;

    const Metrics& read() {
      if (!done) done.emplace(run(current));
      return *done;
    }
  };

 public:
  /// `run(step)` runs one step.
  step_range(std::function<Metrics(std::ptrdiff_t)> run, std::ptrdiff_t first, std::ptrdiff_t last)
      : state_(std::make_unique<state>(state{std::move(run), first, std::max(first, last), std::nullopt})) {}

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    using value_type = Metrics;
    using reference = const Metrics&;
    using pointer = const Metrics*;

    iterator() = default;
    reference operator*() const { return state_->read(); }
    pointer operator->() const { return &state_->read(); }
    iterator& operator++() {
      state_->read();
      state_->done.reset();
      ++state_->current;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& it, std::default_sentinel_t) {
      return it.state_->current >= it.state_->last;
    }

   private:
    friend step_range;
    explicit iterator(state* of) : state_(of) {}
    state* state_ = nullptr;
  };

  [[nodiscard]] iterator begin() { return iterator(state_.get()); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  std::unique_ptr<state> state_;
};

}  // namespace recllm
