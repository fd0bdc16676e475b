// Where the named terms of a reward report what they were worth, while the reward is evaluated.
#pragma once

#include <concepts>
#include <memory>
#include <string_view>
#include <type_traits>

namespace recllm::reward {

/// Where named terms report their raw values: a borrowed function, called with (name, raw value). By default
/// nowhere.
class recorder {
 public:
  using function = void (*)(void* context, std::string_view name, double raw_value);

  constexpr recorder() = default;
  constexpr recorder(function report, void* context) : report_(report), context_(context) {}

  /// Borrows `sink`, a variable called as sink(std::string_view, double); it must outlive the recorder.
  template <class Sink>
  requires(!std::same_as<std::remove_const_t<Sink>, recorder> &&
           std::invocable<Sink&, std::string_view, double>) constexpr recorder(Sink& sink)
      : report_([](void* context, std::string_view name, double raw_value) {
          (*static_cast<Sink*>(context))(name, raw_value);
        }),
        context_(const_cast<void*>(static_cast<const void*>(std::addressof(sink)))) {}

  constexpr void operator()(std::string_view name, double raw_value) const {
    if (report_ != nullptr) report_(context_, name, raw_value);
  }

 private:
  function report_ = nullptr;
  void* context_ = nullptr;
};

}  // namespace recllm::reward
