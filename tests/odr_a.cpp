// Two files that include every header link into one program: no header defines anything twice.
#include "every_header.hpp"

int value_of_the_other_file();

int main() { return value_of_the_other_file(); }
