// The one door to libtorch. Its macros CHECK and LOG would break Catch2 and glog users: they are put back
// here.
#pragma once

#pragma push_macro("CHECK")
#pragma push_macro("LOG")
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/cuda.h>
#include <torch/types.h>
#undef CHECK
#undef LOG
#pragma pop_macro("LOG")
#pragma pop_macro("CHECK")
