// A policy of your own: any type with a prompt_type and sample, log_probs, trace and step. This one is a
// logistic regression that decides whom to send a notification; recllm knows nothing of it.
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <span>
#include <utility>
#include <vector>

#include <recllm/grpo.hpp>

using namespace recllm;
using user =
    Eigen::Vector3d;  // 1, hours since the last visit (-1 few, 1 many), likes the topic (-1 no, 1 yes)

struct decisions : rollouts<bool> {  // what a policy needs to score its rows again goes into a derived type
  Eigen::MatrixX3d features;         // of each row, times -1 where nothing was sent
};

struct notifier {
  using prompt_type = user;
  user weights = user::Zero(), gradient = user::Zero();

  decisions sample(std::span<const user> users, std::size_t group_size, random_stream rng) const {
    decisions d;
    d.features.resize(static_cast<Eigen::Index>(users.size() * group_size), 3);
    for (std::size_t row = 0; row < users.size() * group_size; ++row) {
      const user& u = users[row / group_size];
      d.prompt.push_back(row / group_size);
      d.completions.push_back(rng.split(row).uniform() <
                              1 / (1 + std::exp(-weights.dot(u))));  // a stream a row
      d.features.row(static_cast<Eigen::Index>(row)) = (d.completions[row] ? 1.0 : -1.0) * u;
    }
    d.mask = token_matrix<float>::Ones(d.rows(), 1);  // one token a completion
    d.log_probs = log_probs(d, {0, d.rows()});
    return d;
  }
  token_matrix<float> log_probs(const decisions& d,
                                row_block rows) const {  // log sigmoid(features * weights)
    return -(-(d.features.middleRows(rows.first, rows.count) * weights).array()).exp().log1p().cast<float>();
  }
  struct pass {  // one forward pass and the way back
    notifier& policy;
    const decisions& d;
    row_block rows;
    token_matrix<float> log_probs() const { return policy.log_probs(d, rows); }
    void backward(token_view<float> dloss_dlogp) const {
      const Eigen::MatrixXd dloss = (dloss_dlogp * (1 - log_probs().exp())).cast<double>();
      policy.gradient += d.features.middleRows(rows.first, rows.count).transpose() * dloss;
    }
  };
  pass trace(const decisions& d, row_block rows) { return {*this, d, rows}; }
  double step(update how) {
    weights -= how.learning_rate * gradient;
    return std::exchange(gradient, user::Zero()).norm();
  }
};
static_assert(Policy<notifier>);

int main() {
  const std::vector<user> users{{1, -1, -1}, {1, -1, 1}, {1, 1, -1}, {1, 1, 1}};
  // Only who likes the topic and has been away opens a notification; it annoys the others.
  const auto opened = [](const user& u, bool sent) { return !sent ? 0.0 : u[1] + u[2] == 2.0 ? 1.0 : -0.5; };

  notifier policy;
  for (const auto& m : train(policy, grpo{.kl_coef = 0}, opened, users, {.steps = 101, .learning_rate = 1.0}))
    if (m.step % 25 == 0) std::printf("step %3td   reward %6.3f of 0.25\n", m.step, m.reward);
  for (const user& u : users)
    std::printf("away %2.0f, likes %2.0f: sent with chance %.2f\n", u[1], u[2],
                1 / (1 + std::exp(-policy.weights.dot(u))));
}
