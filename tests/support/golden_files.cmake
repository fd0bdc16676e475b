# Says in ctest's summary whether the tests against real model files had their files.
if(NOT EXISTS "${folder}")
  message("skipped: ${folder} is not there; set RECLLM_SHARED to the folder that holds data/tiny")
endif()
