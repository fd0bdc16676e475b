# cmake -P download.cmake: MovieLens-100k as RecBole atomic files in $RECLLM_CACHE/ml-100k, else build/data/ml-100k.
# Files that are there and whole are not fetched again. They come inside the wheel of recbole 1.2.1, from PyPI.
cmake_minimum_required(VERSION 3.25)

set(wheel_hash 9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407)
set(inter_hash 4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff)
set(item_hash 51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532)
set(user_hash 4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972)

set(build_folder ${CMAKE_CURRENT_LIST_DIR}/../../build)
set(cache $ENV{RECLLM_CACHE})
if(NOT cache)
  set(cache ${build_folder}/data)
endif()
file(REAL_PATH "${cache}" cache)
set(remedy "Check the network and pip (proxy, index) and try again, or give your own RecBole files "
           "(.inter, .item, .user): ./dev demo --data DIR")

# Sets `result` to the names of those of the three files that are not in `folder` as they should be.
function(find_broken_files folder result)
  set(broken "")
  foreach(kind inter item user)
    set(file ${folder}/ml-100k.${kind})
    set(found "missing")
    if(EXISTS ${file})
      file(SHA256 ${file} found)
    endif()
    if(NOT found STREQUAL ${kind}_hash)
      list(APPEND broken ml-100k.${kind})
    endif()
  endforeach()
  set(${result} "${broken}" PARENT_SCOPE)
endfunction()

find_broken_files(${cache}/ml-100k broken)
if(NOT broken)
  return()
endif()

message("MovieLens-100k is data of the GroupLens research group at the University of Minnesota. It may be used for
research; it may not be passed on or used to earn money without their permission. Whoever publishes with it cites
  F. M. Harper and J. A. Konstan (2015), The MovieLens Datasets: History and Context, ACM TiiS 5(4), article 19.
Their terms: https://files.grouplens.org/datasets/movielens/ml-100k-README.txt
Downloading it (2 MB) to ${cache} ...")

set(python ${build_folder}/venv/bin/python3)
if(NOT EXISTS ${python})
  set(python python3)
endif()
set(work ${cache}/download)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})
execute_process(COMMAND ${python} -m pip download -q --no-deps --no-cache-dir --only-binary :all: --dest ${work} recbole==1.2.1
                RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "recllm: download: pip could not fetch recbole==1.2.1 (${status}). " ${remedy})
endif()
file(GLOB wheel ${work}/*.whl)
file(SHA256 "${wheel}" found)
if(NOT found STREQUAL wheel_hash)
  file(REMOVE_RECURSE ${work})
  message(FATAL_ERROR "recllm: download: ${wheel} is not the file it should be: expected SHA-256 ${wheel_hash}, got "
                      "${found}; it was deleted. " ${remedy})
endif()
file(ARCHIVE_EXTRACT INPUT ${wheel} DESTINATION ${work} PATTERNS "recbole/dataset_example/ml-100k/*")
file(MAKE_DIRECTORY ${cache}/ml-100k)
foreach(kind inter item user)
  file(RENAME ${work}/recbole/dataset_example/ml-100k/ml-100k.${kind} ${cache}/ml-100k/ml-100k.${kind})
endforeach()
file(REMOVE_RECURSE ${work})
find_broken_files(${cache}/ml-100k broken)
if(broken)
  message(FATAL_ERROR "recllm: download: not as expected in ${cache}/ml-100k: ${broken}. Is the disk full?")
endif()
