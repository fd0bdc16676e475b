// A table learns to recommend: GRPO with a composed reward, nothing but the standard library and Eigen.
#include <cstdio>
#include <vector>

#include <recllm/grpo.hpp>
#include <recllm/reward.hpp>
#include <recllm/tabular.hpp>
#include <recllm/train.hpp>

using namespace recllm;
