// traced hands out the log-probs that it was given and passes slopes on.
#include <recllm/core/traced.hpp>

#include "support/catch.hpp"

using namespace recllm;

TEST_CASE("traced keeps log-probs and calls its pullback with the slopes") {
  const token_matrix<float> log_probs = token_matrix<float>::Constant(2, 3, -1.5f);
  token_matrix<float> seen;
  traced trace{log_probs, [&](token_view<float> slopes) { seen = slopes; }};
  static_assert(Trace<decltype(trace)> && !EntropyTrace<decltype(trace)>);
  CHECK((trace.log_probs() == log_probs).all());
  const token_matrix<float> slopes = token_matrix<float>::Random(4, 3);
  trace.backward(slopes.middleRows(1, 2));
  REQUIRE(seen.rows() == 2);
  CHECK((seen == slopes.middleRows(1, 2)).all());
}
