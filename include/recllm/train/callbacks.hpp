// Adaptors of the range of steps: train(...) | tee(log) | tee(every(50, save)) | until(kl_above).
#pragma once

#include <cerrno>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/train/checkpoint.hpp>

namespace recllm {

namespace detail {

/// `range` with `hook.seen(step)` called once an element, when it is first read, and `hook.last(step)` asked
/// when it is left. Lvalues are borrowed, temporaries kept. Elements are copied once, so that reading twice
/// runs nothing.
template <class Range, class Hook>
class hooked_range : public std::ranges::view_base {
  struct state {
    Range range;
    Hook hook;
    std::optional<std::ranges::iterator_t<Range>> at{};
    std::optional<std::ranges::range_value_t<Range>> current{};
    bool stopped = false;

    const std::ranges::range_value_t<Range>& read() {
      if (!current) hook.seen(std::as_const(current.emplace(**at)));
      return *current;
    }
    void advance() {
      stopped = hook.last(read());
      current.reset();
      ++*at;
    }
    bool ended() { return stopped || *at == std::ranges::end(range); }
  };
  std::unique_ptr<state> state_;  // iterators stay valid when the range moves down a chain of |

 public:
  hooked_range(Range range, Hook hook) : state_(new state{std::forward<Range>(range), std::move(hook)}) {}

  /// Single pass: all iterators share one position.
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::ranges::range_value_t<Range>;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    explicit iterator(state& s) : state_(&s) {}
    const value_type& operator*() const { return state_->read(); }
    iterator& operator++() {
      state_->advance();
      return *this;
    }
    void operator++(int) { state_->advance(); }
    bool operator==(std::default_sentinel_t) const { return state_->ended(); }

   private:
    state* state_ = nullptr;
  };

  iterator begin() {
    state_->stopped = false;
    state_->current.reset();
    state_->at.emplace(std::ranges::begin(state_->range));
    return iterator(*state_);
  }
  std::default_sentinel_t end() const { return {}; }
};

template <class F>
struct tee_hook {
  F f;
  template <class Step>
  void seen(const Step& step) {
    static_assert(std::invocable<F&, const Step&>, "recllm: tee(f) calls  f(step)  with the step's metrics");
    f(step);
  }
  bool last(const auto&) { return false; }
};

template <class F>
struct until_hook {
  F stop;
  void seen(const auto&) {}
  template <class Step>
  bool last(const Step& step) {
    if constexpr (std::predicate<F&, const Step&>) {
      return stop(step);
    } else {
      static_assert(std::predicate<F&>,
                    "recllm: until(stop) calls  stop(step)  or  stop()  and expects a bool");
      return stop();
    }
  }
};

template <class F>
struct every_nth {
  std::size_t n;
  F f;
  void operator()(const auto& step) {
    if (static_cast<std::size_t>(step.step + 1) % n == 0) f(step);
  }
};

template <class Hook>
struct step_adaptor {
  Hook hook;
  template <std::ranges::input_range Range>
  friend hooked_range<Range, Hook> operator|(Range&& range, step_adaptor adaptor) {
    return hooked_range<Range, Hook>(std::forward<Range>(range), std::move(adaptor.hook));
  }
};

}  // namespace detail

/// `steps | tee(f)`: the same steps, f(step) called on each as soon as it has run. Like every adaptor here it
/// is lazy (a step runs when it is read, `break` ends training) and borrows an lvalue f, which must outlive
/// the loop.
template <class F>
[[nodiscard]] detail::step_adaptor<detail::tee_hook<F>> tee(F&& f) {
  return {{std::forward<F>(f)}};
}

/// `steps | until(stop)`: ends after the first step for which stop(step), or stop() where it takes nothing,
/// is true. Asked when the loop's body is through with the step.
template <class F>
[[nodiscard]] detail::step_adaptor<detail::until_hook<F>> until(F&& stop) {
  return {{std::forward<F>(stop)}};
}

/// `tee(every(n, f))`: f(step) after the n-th, 2n-th, ... step (step.step counts from 0: n - 1, 2n - 1, ...),
/// n >= 1. It goes by the step's number, so a resumed run calls f at the same steps as an uninterrupted one.
template <class F>
[[nodiscard]] detail::every_nth<F> every(std::size_t n, F&& f) {
  require(n >= 1, "recllm: every: n must be at least 1, got ", n);
  return {n, std::forward<F>(f)};
}

/// Where a resumed run's log goes on.
struct resume_at {
  std::string phase = {};    ///< the value of "phase" that `steps` counts in; empty = whatever phase
  std::ptrdiff_t steps = 0;  ///< steps done: lines of steps 0, ..., steps - 1 stay
};

/// A file of one JSON object a line, flushed after each: what has been logged survives a crash.
///
///     jsonl_log log("metrics.jsonl");
///     for (const auto& m : train(...) | tee(log.with({{"phase", "grpo"}}))) ...
///     log.write({{"phase", "eval"}, {"step", 50}, {"ndcg@10", 0.11}});
///
/// Numbers are written in the shortest form that reads back as the same double; NaN and infinities, for which
/// JSON has no number, as the strings "nan", "inf" and "-inf".
class jsonl_log {
 public:
  /// Starts the file afresh. Throws std::runtime_error with the path and the system's reason.
  explicit jsonl_log(std::filesystem::path path) : path_(std::move(path)) { open(std::ios::trunc); }

  /// Goes on with the file of an earlier run, cut back to what that run had logged by `from`, so that the
  /// whole equals the log of an uninterrupted run: everything before the phase's first line of a later step;
  /// after its last step, only lines of other phases about that step (its number, or the count of steps
  /// done). A last line without its end is dropped. No file yet is an empty one. Throws
  /// std::invalid_argument, file:line, on a line that is no JSON object.
  jsonl_log(std::filesystem::path path, const resume_at& from) : path_(std::move(path)) {
    if (std::filesystem::exists(path_)) std::filesystem::resize_file(path_, kept_bytes(from));
    open(std::ios::app);
  }

  /// Appends one line. Throws std::runtime_error with the path and the system's reason.
  void write(nlohmann::ordered_json object) {
    require(object.is_object(), "recllm: jsonl_log: a line must be a JSON object, got a ",
            object.type_name());
    for (auto& value : object)
      if (value.is_number_float()) value = number(value.get<double>());
    errno = 0;
    out_ << object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n'
         << std::flush;
    if (!out_) fail();
  }

  /// A callable for tee(): writes the fields of `extra`, then "step", then the metrics' own.
  [[nodiscard]] auto with(nlohmann::ordered_json extra) {
    return [this, extra = std::move(extra)](const auto& metrics) {
      nlohmann::ordered_json object = extra;
      object["step"] = metrics.step;
      for_each_field(metrics, [&](std::string_view name, double value) {
        if (name != "step") object[std::string(name)] = value;
      });
      write(std::move(object));
    };
  }

  /// Writes the metrics of one step, nothing added: `tee(log)`.
  template <class Metrics>
  void operator()(const Metrics& metrics) {
    with(nlohmann::ordered_json::object())(metrics);
  }

 private:
  static nlohmann::ordered_json number(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return value;
  }

  void open(std::ios::openmode how) {
    errno = 0;
    out_.open(path_, std::ios::binary | std::ios::out | how);
    if (!out_) fail();
  }

  [[noreturn]] void fail() const {
    throw std::runtime_error(
        message("recllm: jsonl_log: cannot write ", path_, ": ", detail::os_reason(errno)));
  }

  [[nodiscard]] std::uintmax_t kept_bytes(const resume_at& from) const {
    std::ifstream in(path_, std::ios::binary);
    const auto done = static_cast<double>(from.steps);  // whatever number a line has, it can be compared
    std::uintmax_t kept = 0;
    bool reached = false;
    std::string text;
    for (std::size_t line = 1; std::getline(in, text) && !in.eof(); ++line) {
      const auto object = nlohmann::json::parse(text, nullptr, false);
      require(object.is_object(), "recllm: jsonl_log: ", path_.string(), ":", line,
              ": expected a JSON object, got \"", text.substr(0, 40),
              "\"; mend or remove this line, or start a new log");
      const auto field = object.find("step");
      const double step = field != object.end() && field->is_number() ? field->get<double>() : -1.0;
      const auto phase = object.find("phase");
      const bool ours = from.phase.empty() || (phase != object.end() && *phase == from.phase);
      if (ours && step >= done) break;
      if (reached && !ours && step != done && step != done - 1.0) break;
      reached = reached || (ours && step >= 0.0 && step == done - 1.0);
      kept += text.size() + 1;
    }
    return kept;
  }

  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace recllm
