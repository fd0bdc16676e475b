// The other half of odr_a.cpp.
#include "every_header.hpp"

int value_of_the_other_file() { return 0; }
