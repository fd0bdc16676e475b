// Ctrl-C as a request: the loop finishes its step, saves and leaves; a second Ctrl-C ends at once.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>

namespace recllm {

/// While one lives, the first SIGINT or SIGTERM only sets requested(); a second one, of either kind, has the
/// default effect. The destructor restores the handlers found. Guards may nest; they share one request, which
/// the outermost one clears when it is made.
///
///     interrupt_guard interrupt;
///     for (const auto& m : train(...) | until([&] { return interrupt.requested(); })) ...
///     if (interrupt.requested()) save(...);
///
/// A signal that was ignored stays so (a shell script starts its `command &` with SIGINT ignored; SIGTERM
/// works). Make and destroy guards from one thread.
class interrupt_guard {
 public:
  interrupt_guard() {
    if (depth_++ == 0) requested_ = false;
    struct sigaction ours = {};
    ours.sa_handler = &interrupt_guard::on_signal;
    ours.sa_flags = SA_RESTART;  // a checkpoint being written must not fail half way
    sigemptyset(&ours.sa_mask);
    for (std::size_t i = 0; i < signals_.size(); ++i) {
      sigaction(signals_[i], nullptr, &previous_[i]);
      if (previous_[i].sa_handler != SIG_IGN) sigaction(signals_[i], &ours, nullptr);
    }
  }

  ~interrupt_guard() {
    for (std::size_t i = 0; i < signals_.size(); ++i) sigaction(signals_[i], &previous_[i], nullptr);
    --depth_;
  }

  interrupt_guard(const interrupt_guard&) = delete;
  interrupt_guard& operator=(const interrupt_guard&) = delete;

  /// Whether a signal has come since the outermost guard was made.
  [[nodiscard]] bool requested() const { return requested_; }

 private:
  static void on_signal(int signal) {
    if (!requested_.exchange(true)) return;
    struct sigaction fall_back = {};
    fall_back.sa_handler = SIG_DFL;
    sigaction(signal, &fall_back, nullptr);
    raise(signal);  // takes effect when this handler returns
  }

  static constexpr std::array signals_{SIGINT, SIGTERM};
  static inline std::atomic<bool> requested_ = false;
  static_assert(std::atomic<bool>::is_always_lock_free, "the handler may not wait for a lock");
  static inline int depth_ = 0;
  std::array<struct sigaction, 2> previous_ = {};
};

}  // namespace recllm
