// Front door of the data room: events and catalogues, readers, filters, splits, proofs of no leakage.
#pragma once

#include <recllm/data/deduplicate.hpp>
#include <recllm/data/filter.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/data/k_core.hpp>
#include <recllm/data/leakage.hpp>
#include <recllm/data/readers.hpp>
#include <recllm/data/sessions.hpp>
#include <recllm/data/simulate.hpp>
#include <recllm/data/split.hpp>
#include <recllm/data/write_recbole.hpp>
