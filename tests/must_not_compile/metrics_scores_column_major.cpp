// expect: recllm: rank_all: scores as a matrix are row-major, a row a user
#include <recllm/core/eigen.hpp>
#include <recllm/metrics.hpp>

using namespace recllm;

int main() {
  const std::vector<std::vector<std::size_t>> next{{1}};
  ranking_report report({.catalogue = 2});
  report.rank_all(
      next, [](auto users) { return Eigen::MatrixXf(static_cast<Eigen::Index>(users.size()), 2); },
      [](const std::vector<std::size_t>& user) { return ranking_question{.relevant = user}; });
}
