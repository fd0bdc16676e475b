// All of recllm but what needs libtorch (recllm/torch/) and the HTML report (recllm/train/report.hpp).
#pragma once

#include <recllm/baselines.hpp>
#include <recllm/cispo.hpp>
#include <recllm/data.hpp>
#include <recllm/dpo.hpp>
#include <recllm/grpo.hpp>
#include <recllm/gspo.hpp>
#include <recllm/kto.hpp>
#include <recllm/metrics.hpp>
#include <recllm/ppo.hpp>
#include <recllm/prompt.hpp>
#include <recllm/reinforce.hpp>
#include <recllm/reward.hpp>
#include <recllm/sapo.hpp>
#include <recllm/sft.hpp>
#include <recllm/tabular.hpp>
#include <recllm/tabular_critic.hpp>
#include <recllm/train.hpp>
#include <recllm/train/callbacks.hpp>
#include <recllm/train/checkpoint.hpp>
#include <recllm/train/interrupt.hpp>
#include <recllm/train/preference_pairs.hpp>
#include <recllm/train/progress.hpp>
#include <recllm/version.hpp>
