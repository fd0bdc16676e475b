// Front door of the data room: events and catalogues, readers, splits.
#pragma once

#include <recllm/data/deduplicate.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/data/readers.hpp>
#include <recllm/data/simulate.hpp>
#include <recllm/data/split.hpp>
#include <recllm/data/write_recbole.hpp>
