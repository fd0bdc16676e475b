"""Conan 2 package of recllm: headers, and the CMake config that `cmake --install` writes."""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load


class Recllm(ConanFile):
    name = "recllm"
    license = "MIT"
    description = "Language-model recommenders trained by policy optimisation, header-only C++20"
    topics = ("recommender", "reinforcement-learning", "grpo", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    requires = "eigen/3.4.0", "range-v3/0.12.0", "nlohmann_json/3.11.2"
    generators = "CMakeDeps"

    def set_version(self):
        header = load(self, os.path.join(self.recipe_folder, "..", "include", "recllm", "version.hpp"))
        self.version = re.search(r'version = "(.*)"', header).group(1)

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..")
        for pattern in "CMakeLists.txt", "LICENSE", "include/*", "conan/*.cmake*":
            copy(self, pattern, root, self.export_sources_folder)

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in "TORCH", "TESTS", "EXAMPLES", "BENCHMARKS":
            toolchain.cache_variables[f"RECLLM_{part}"] = False
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()

    def package_id(self):
        self.info.clear()

    def package_info(self):
        self.cpp_info.bindirs = self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_find_mode", "none")  # recllm's own config serves all, it carries its needs
        self.cpp_info.builddirs = [os.path.join("share", "cmake", "recllm")]
