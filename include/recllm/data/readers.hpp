// Readers of files, one header a format; each gives a dataset.
#pragma once

#include <recllm/data/read_amazon.hpp>
#include <recllm/data/read_csv.hpp>
#include <recllm/data/read_jsonl.hpp>
#include <recllm/data/read_movielens.hpp>
#include <recllm/data/read_recbole.hpp>
