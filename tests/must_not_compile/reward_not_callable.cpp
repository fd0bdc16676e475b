// expect: recllm: a reward must be callable as  f(const prompt&, const completion&)  or  f(const completion&)
#include <vector>

#include <recllm/reward.hpp>

double score(const std::vector<int>& completion, const char* prompt);

int main() { return static_cast<int>(recllm::reward::evaluate(score, 1, std::vector<int>{})); }
