// Catch2's one include, so that tests name no version.
#pragma once

#include <catch2/catch.hpp>
