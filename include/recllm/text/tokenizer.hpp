// Text to token ids and back: what a tokenizer is, and one of whole words.
//
// Included by itself, for the libraries that it needs: text/pretrained_tokenizer.hpp (PCRE2 and ICU), which
// reads the tokenizers of pretrained models.
#pragma once

#include <recllm/text/tokenizer/concept.hpp>
#include <recllm/text/tokenizer/word_level.hpp>
