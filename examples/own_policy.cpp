// A policy of your own: any type with a prompt_type and sample, log_probs, trace and step. This one is a
// logistic regression that decides whom to send a notification; recllm knows nothing of it.
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/traced.hpp>
#include <recllm/grpo.hpp>

using namespace recllm;

// What a policy needs to score its rows again goes into a derived type.
struct decisions : rollouts<bool> {
  Eigen::MatrixX3d features;  // of each row, times -1 where nothing was sent
};

struct notifier {
  using prompt_type = Eigen::Vector3d;  // 1, hours since the last visit (-1 few, 1 many), likes the topic
  Eigen::Vector3d weights{0, 0, 0}, gradient{0, 0, 0};

  double chance(const Eigen::Vector3d& user) const { return 1 / (1 + std::exp(-weights.dot(user))); }
  decisions sample(std::span<const Eigen::Vector3d> users, std::size_t group_size, random_stream rng) const {
    decisions d{{}, Eigen::MatrixX3d(static_cast<Eigen::Index>(users.size() * group_size), 3)};
    for (std::size_t row = 0; row < users.size() * group_size; ++row) {
      d.prompt.push_back(row / group_size);
      d.completions.push_back(rng.split(row).uniform() < chance(users[row / group_size]));
      d.features.row(d.rows() - 1) = (d.completions[row] ? 1.0 : -1.0) * users[row / group_size];
    }
    d.mask = token_matrix<float>::Ones(d.rows(), 1);  // one token a completion
    d.log_probs = log_probs(d, {0, d.rows()});
    return d;
  }
  token_matrix<float> log_probs(const decisions& d, row_block rows) const {
    // log sigmoid(features * weights)
    return -(-(d.features.middleRows(rows.first, rows.count) * weights).array()).exp().log1p().cast<float>();
  }
  auto trace(const decisions& d, row_block rows) {  // one forward pass, and the way back
    return traced{log_probs(d, rows), [this, &d, rows](token_view<float> dloss) {
                    const Eigen::MatrixXd slope = (dloss * (1 - log_probs(d, rows).exp())).cast<double>();
                    gradient += d.features.middleRows(rows.first, rows.count).transpose() * slope;
                  }};
  }
  double step(update how) {
    weights -= how.learning_rate * gradient;
    return std::exchange(gradient, Eigen::Vector3d::Zero()).norm();
  }
};

int main() {
  const std::vector<Eigen::Vector3d> users{{1, -1, -1}, {1, -1, 1}, {1, 1, -1}, {1, 1, 1}};
  // Only who likes the topic and has been away opens a notification; it annoys the others.
  const auto opened = [](auto& user, bool sent) { return sent ? (user[1] + user[2] == 2 ? 1 : -0.5) : 0; };
  notifier policy;
  for (const auto& m : train(policy, grpo{.kl_coef = 0}, opened, users, {.steps = 101, .learning_rate = 1}))
    if (m.step % 25 == 0) std::printf("step %3td   reward %6.3f of 0.25\n", m.step, m.reward);
}
