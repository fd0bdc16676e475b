# Feeds requests.jsonl to the driver: the answers must be those of answers.jsonl, then errors that say what is wrong.
# `begins` is what the names of the files begin with for operations that need a library: their answers are all there are.
execute_process(COMMAND ${driver} WORKING_DIRECTORY ${folder} INPUT_FILE ${folder}/${begins}requests.jsonl
                OUTPUT_VARIABLE output RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "exit status ${status}")
endif()
file(READ ${folder}/${begins}answers.jsonl expected)
string(FIND "${output}" "${expected}" at)
if(NOT at EQUAL 0)
  message(FATAL_ERROR "expected:\n${expected}\ngot:\n${output}")
endif()
string(LENGTH "${expected}" length)
string(SUBSTRING "${output}" ${length} -1 rest)
if(begins AND rest)
  message(FATAL_ERROR "more than expected:\n${rest}")
elseif(begins)
  return()
endif()
foreach(
  part IN
  ITEMS
    "field \\\"op\\\" must be one of advantages, "
    "is \\\"nonsense\\\"\",\"id\":3}\n"
    "field \\\"op\\\" must be a string, but is nothing\",\"id\":4}\n"
    "field \\\"ref_log_probs\\\" must be a list of lists of numbers, but is nothing\",\"id\":5}\n"
    "field \\\"ref_log_probs\\\", row 0 has 1 entries, but that of \\\"log_probs\\\" has 2\"}\n"
    "field \\\"estimator\\\" must be one of \\\"abs\\\", "
    "field \\\"rewards\\\" must be a list of numbers, but is \\\"many\\\"\"}\n"
    "recllm: group_relative: got 2 rewards but 1 group numbers"
    "recllm: grpo: clip_low must be in [0, 1], but is 2"
    "parse error"
    "field \\\"\\\" must be an object, but is [1,2]\"}\n")
  string(FIND "${rest}" "${part}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "expected in this order: ${part}\nin:\n${rest}")
  endif()
  string(SUBSTRING "${rest}" ${at} -1 rest)
endforeach()
