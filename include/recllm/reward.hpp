// Front door of the reward room: terms for lists and for reasoning, and the algebra that composes them.
//
//   using namespace recllm;
//   const auto goal = when(reward::format(), 0.8 * reward::lcs(&sample::next_items) + 0.1 *
//   reward::diversity(genres)
//                                            - 0.2 * reward::repeats() - 0.2 *
//                                            reward::seen(&sample::history))
//                         .otherwise(-1.0);
#pragma once

#include <recllm/reward/business.hpp>
#include <recllm/reward/discovery.hpp>
#include <recllm/reward/diversity.hpp>
#include <recllm/reward/format.hpp>
#include <recllm/reward/length.hpp>
#include <recllm/reward/lists.hpp>
#include <recllm/reward/overlong.hpp>
#include <recllm/reward/penalties.hpp>
#include <recllm/reward/reasoning.hpp>
#include <recllm/reward/recurring.hpp>
#include <recllm/reward/reward.hpp>
#include <recllm/reward/running.hpp>
#include <recllm/reward/scheduled.hpp>
