// The first signal is a request, the second one ends the process, and what was there before comes back.
#include <recllm/train/interrupt.hpp>

#include <sys/wait.h>

#include <functional>

#include "support/catch.hpp"

using namespace recllm;

namespace {

/// How a child process that runs `body` ends, as waitpid tells.
int status_of(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int signal : {SIGINT, SIGTERM}) ::signal(signal, SIG_DFL);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

volatile sig_atomic_t heard = 0;
void hear(int) { heard = heard + 1; }

}  // namespace

TEST_CASE("the first signal only asks") {
  const int signal = GENERATE(SIGINT, SIGTERM);
  interrupt_guard interrupt;
  CHECK_FALSE(interrupt.requested());
  ::raise(signal);
  CHECK(interrupt.requested());
}

TEST_CASE("a new guard starts without a request") {
  {
    interrupt_guard first;
    ::raise(SIGINT);
    CHECK(first.requested());
  }
  interrupt_guard second;
  CHECK_FALSE(second.requested());
}

TEST_CASE("the second signal ends the process, of whichever kind") {
  const int first = GENERATE(SIGINT, SIGTERM);
  const int second = GENERATE(SIGINT, SIGTERM);
  const int status = status_of([&] {
    interrupt_guard interrupt;
    ::raise(first);
    if (!interrupt.requested()) return 1;
    ::raise(second);
    return 2;
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == second);
}

TEST_CASE("the second signal ends the process from within a nested guard and after it") {
  const bool inside = GENERATE(true, false);
  const int status = status_of([&] {
    interrupt_guard outer;
    {
      interrupt_guard inner;
      ::raise(SIGINT);
      if (!inner.requested() || !outer.requested()) return 1;
      if (inside) ::raise(SIGINT);
    }
    if (!outer.requested()) return 2;
    ::raise(SIGINT);
    return 3;
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGINT);
}

TEST_CASE("an inner guard does not forget an outer one's request") {
  interrupt_guard outer;
  ::raise(SIGTERM);
  interrupt_guard inner;
  CHECK(inner.requested());
}

TEST_CASE("earlier handlers come back") {
  const auto before = ::signal(SIGINT, hear);
  heard = 0;
  {
    interrupt_guard interrupt;
    ::raise(SIGINT);
    CHECK(heard == 0);
  }
  ::raise(SIGINT);
  CHECK(heard == 1);
  ::signal(SIGINT, before);
}

TEST_CASE("what was ignored stays ignored") {
  const auto before = ::signal(SIGINT, SIG_IGN);
  {
    interrupt_guard interrupt;
    ::raise(SIGINT);
    ::raise(SIGINT);
    CHECK_FALSE(interrupt.requested());
  }
  ::signal(SIGINT, before);
}
