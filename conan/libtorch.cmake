# recllm::torch, an imported target made of a torch folder's headers and libraries: those of a libtorch archive or of
# Python's torch package. (find_package(Torch) would ask for a whole CUDA toolkit where torch was built with CUDA.)
#
# Looked for in RECLLM_TORCH_ROOT, Torch_DIR, CMAKE_PREFIX_PATH (variables, then environment), the torch of python3,
# the torch of build/venv. As a script, `cmake -P libtorch.cmake` prints the folder, and fails where there is none.

# Sets `result` to the torch folder, or to "".
function(recllm_find_torch result)
  set(prefixes ${CMAKE_PREFIX_PATH})
  cmake_path(CONVERT "$ENV{CMAKE_PREFIX_PATH}" TO_CMAKE_PATH_LIST from_environment)
  list(APPEND prefixes ${from_environment})
  set(folders "${RECLLM_TORCH_ROOT}" "$ENV{RECLLM_TORCH_ROOT}")
  foreach(folder "${Torch_DIR}" "$ENV{Torch_DIR}")  # torch/share/cmake/Torch
    list(APPEND folders "${folder}/../../..")
  endforeach()
  foreach(prefix IN LISTS prefixes)  # torch, or torch/share/cmake as torch.utils.cmake_prefix_path says
    list(APPEND folders "${prefix}" "${prefix}/../..")
  endforeach()
  set(${result} "" PARENT_SCOPE)
  foreach(candidate IN LISTS folders ITEMS python3 "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../build/venv/bin/python3")
    if(candidate MATCHES "python3$")
      set(ask "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')")
      execute_process(COMMAND "${candidate}" -c "${ask}" OUTPUT_VARIABLE candidate OUTPUT_STRIP_TRAILING_WHITESPACE
                      ERROR_QUIET)
    endif()
    if(candidate AND EXISTS "${candidate}/include/torch/csrc/api/include/torch/torch.h")
      file(REAL_PATH "${candidate}" candidate)
      set(${result} "${candidate}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# Adds recllm::torch where libtorch is found. With REQUIRED, stops where it is not.
function(recllm_add_torch)
  recllm_find_torch(root)
  if(root STREQUAL "")
    if("REQUIRED" IN_LIST ARGN)
      message(FATAL_ERROR "recllm: libtorch is required and was not found: set RECLLM_TORCH_ROOT to a folder with its "
                          "include/ and lib/ (Python: the torch package's folder), or `pip install torch`")
    endif()
    message(STATUS "recllm: no libtorch, so no recllm::torch (set RECLLM_TORCH_ROOT, or `pip install torch`)")
    return()
  endif()
  message(STATUS "recllm: libtorch in ${root}")
  foreach(name torch torch_cpu c10 torch_cuda c10_cuda)
    file(GLOB ${name} "${root}/lib/lib${name}.so" "${root}/lib/lib${name}.dylib")
  endforeach()
  add_library(recllm::torch INTERFACE IMPORTED GLOBAL)
  set_target_properties(
    recllm::torch PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${root}/include;${root}/include/torch/csrc/api/include"
                             INTERFACE_LINK_LIBRARIES "recllm::recllm;${torch};${torch_cpu};${c10}")
  if(CMAKE_CXX_COMPILER_LOADED)
    find_package(OpenMP QUIET COMPONENTS CXX)
  endif()
  if(OpenMP_CXX_FOUND)  # without it at::parallel_for, by which recllm/torch/ shares its work, keeps to one thread
    target_compile_options(recllm::torch INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:SHELL:${OpenMP_CXX_FLAGS}>")
    target_include_directories(recllm::torch SYSTEM INTERFACE ${OpenMP_CXX_INCLUDE_DIRS})
    target_link_libraries(recllm::torch INTERFACE ${OpenMP_CXX_LIBRARIES})
  endif()
  if(torch_cuda)  # registers itself when loaded; no symbol of it is named, so the linker would drop it
    target_link_libraries(recllm::torch INTERFACE -Wl,--push-state,--no-as-needed ${torch_cuda}
                          ${c10_cuda} -Wl,--pop-state)
  endif()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  recllm_find_torch(root)
  if(root STREQUAL "")
    message(FATAL_ERROR "no libtorch")
  endif()
  message("${root}")
endif()
