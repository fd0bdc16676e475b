// Losses of one preference pair or a step of them: all members of the DPO family.
#pragma once

#include <recllm/objective/preference_any.hpp>
#include <recllm/objective/preference_free.hpp>
#include <recllm/objective/preference_margin.hpp>
#include <recllm/objective/preference_pair.hpp>
#include <recllm/objective/preference_sides.hpp>
#include <recllm/objective/preference_step.hpp>
