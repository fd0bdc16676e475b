// Where the named terms of a reward report what they were worth, and at which step of training.
#pragma once

#include <concepts>
#include <cstddef>
#include <limits>
#include <memory>
#include <string_view>
#include <type_traits>

namespace recllm::reward {

/// The step that terms see where nobody trains: later than any.
inline constexpr std::ptrdiff_t after_training = std::numeric_limits<std::ptrdiff_t>::max();

/// Where named terms report their raw values: a borrowed function, called with (name, raw value). By default
/// nowhere. The step is for terms that change while a policy learns.
class recorder {
 public:
  using function = void (*)(void* context, std::string_view name, double raw_value);

  constexpr recorder() = default;
  constexpr recorder(function report, void* context) : report_(report), context_(context) {}

  /// Borrows `sink`, a variable called as sink(std::string_view, double); it must outlive the recorder.
  /// `step`
  /// >= 0 is the step of training.
  template <class Sink>
  requires(!std::same_as<std::remove_const_t<Sink>, recorder> &&
           std::invocable<Sink&, std::string_view, double>) constexpr recorder(Sink& sink,
                                                                               std::ptrdiff_t step =
                                                                                   after_training)
      : report_([](void* context, std::string_view name, double raw_value) {
          (*static_cast<Sink*>(context))(name, raw_value);
        }),
        context_(const_cast<void*>(static_cast<const void*>(std::addressof(sink)))),
        step_(step) {}

  /// Reports nowhere.
  [[nodiscard]] static constexpr recorder silent(std::ptrdiff_t step) {
    recorder quiet;
    quiet.step_ = step;
    return quiet;
  }

  [[nodiscard]] constexpr std::ptrdiff_t step() const { return step_; }

  constexpr void operator()(std::string_view name, double raw_value) const {
    if (report_ != nullptr) report_(context_, name, raw_value);
  }

 private:
  function report_ = nullptr;
  void* context_ = nullptr;
  std::ptrdiff_t step_ = after_training;
};

}  // namespace recllm::reward
