// Front door of the text room: templates, chat formats, token budgets, users' histories in words, answers taken
// apart.
//
// text/tokenizer.hpp is included by itself: it needs the JSON library, which these do not.
#pragma once

#include <recllm/text/answer.hpp>
#include <recllm/text/chat.hpp>
#include <recllm/text/history.hpp>
#include <recllm/text/prompt_template.hpp>
#include <recllm/text/runtime_template.hpp>
#include <recllm/text/token_budget.hpp>
