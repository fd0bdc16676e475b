// Eigen, found with or without Debian's eigen3 prefix, so that a plain -Iinclude is enough.
#pragma once

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#elif __has_include(<eigen3/Eigen/Core>)
#include <eigen3/Eigen/Core>
#else
#error "recllm needs Eigen 3.4: install it (Debian: libeigen3-dev) or add its folder to the include path"
#endif
