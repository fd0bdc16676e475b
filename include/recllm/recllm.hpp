// All of recllm but recllm/torch/ and recllm/model/, tokenizers and tries (text/tokenizer.hpp,
// text/item_trie.hpp), the HTML report (train/report.hpp) and the headers that need a library of their own.
#pragma once

#include <recllm/baselines.hpp>
#include <recllm/cispo.hpp>
#include <recllm/core/traced.hpp>
#include <recllm/data.hpp>
#include <recllm/dpo.hpp>
#include <recllm/grpo.hpp>
#include <recllm/gspo.hpp>
#include <recllm/kto.hpp>
#include <recllm/list_policy.hpp>
#include <recllm/metrics.hpp>
#include <recllm/objective/baseline.hpp>
#include <recllm/objective/importance.hpp>
#include <recllm/objective/reinforce_plus_plus.hpp>
#include <recllm/objective/several_rewards.hpp>
#include <recllm/objective/shaping.hpp>
#include <recllm/plackett_luce.hpp>
#include <recllm/ppo.hpp>
#include <recllm/prompt.hpp>
#include <recllm/reinforce.hpp>
#include <recllm/rerank.hpp>
#include <recllm/reward.hpp>
#include <recllm/sapo.hpp>
#include <recllm/sft.hpp>
#include <recllm/tabular.hpp>
#include <recllm/tabular_critic.hpp>
#include <recllm/text/tf_idf.hpp>
#include <recllm/train.hpp>
#include <recllm/train/callbacks.hpp>
#include <recllm/train/checkpoint.hpp>
#include <recllm/train/interrupt.hpp>
#include <recllm/train/preference_pairs.hpp>
#include <recllm/train/progress.hpp>
#include <recllm/version.hpp>
