// The reward algebra: terms that score one completion, and + - * clamp named when().otherwise() to compose
// them.
//
// A reward is any function  goal(prompt, completion) -> number  or  goal(completion) -> number ; higher is
// better. Expressions are values: no heap, no virtual call, constexpr where their parts are. They read like
// the formula:
//
//   when(reward::format(), 0.8 * reward::lcs(&sample::next_items) - 0.2 * reward::repeats()).otherwise(-1.0)
#pragma once

#include <recllm/reward/addends.hpp>
#include <recllm/reward/algebra.hpp>
#include <recllm/reward/expression.hpp>
#include <recllm/reward/gate.hpp>
#include <recllm/reward/recorder.hpp>
