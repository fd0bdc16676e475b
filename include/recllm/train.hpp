// Front door of the train room: train() by groups, train_ppo() with a critic, fit() on given data.
#pragma once

#include <recllm/train/fit.hpp>
#include <recllm/train/metrics.hpp>
#include <recllm/train/ppo_train.hpp>
#include <recllm/train/schedule.hpp>
#include <recllm/train/train.hpp>
