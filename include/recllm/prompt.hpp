// Front door of the text room: templates, chat formats, token budgets, users and items in words, answers
// taken apart.
//
// Included by themselves, for the libraries that they need: text/tokenizer.hpp (nlohmann-json),
// text/pretrained_tokenizer.hpp (PCRE2 and ICU), text/clean.hpp (ICU), text/chat_template.hpp (nlohmann-json
// and google/minja).
#pragma once

#include <recllm/text/answer.hpp>
#include <recllm/text/chat.hpp>
#include <recllm/text/history.hpp>
#include <recllm/text/item_text.hpp>
#include <recllm/text/prompt_template.hpp>
#include <recllm/text/runtime_template.hpp>
#include <recllm/text/token_budget.hpp>
#include <recllm/text/user_text.hpp>
