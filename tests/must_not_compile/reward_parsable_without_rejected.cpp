// expect: recllm: parsable() needs completions with members  items  and  rejected : keep what parse_answer()
// gives
#include <vector>

#include <recllm/reward.hpp>

double wrong() { return recllm::reward::evaluate(recllm::reward::parsable(), 0, std::vector<int>{1}); }
