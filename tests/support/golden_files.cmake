# Says in ctest's summary whether the tests against real model files had their files.
cmake_minimum_required(VERSION 3.25)
if(NOT EXISTS "${folder}")
  message("skipped: ${folder} is not there; set RECLLM_SHARED to the folder that holds data/tiny")
endif()
