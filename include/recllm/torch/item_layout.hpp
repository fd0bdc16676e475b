// How an item_policy's histories and reasons stand in token sequences, and which states its lists are drawn
// from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge::detail {

/// Token sequences, one after the other; neighbours that are equal are one. Tokens are items, and from
/// `items` on attributes. Each item but the first stands after its reasons. Borrows the reasons.
class item_layout {
 public:
  /// `reasons` of each item, equally many, or none at all.
  item_layout(std::size_t items, const std::vector<std::vector<std::size_t>>& reasons)
      : items_(items), reasons_(reasons) {}

  /// The place of the first token of a history that is followed by `reasons`.
  std::int64_t add(std::span<const std::size_t> history, std::span<const std::size_t> reasons = {}) {
    std::vector<std::int64_t> tokens{static_cast<std::int64_t>(history.front())};
    for (const std::size_t item : history.subspan(1)) {
      if (!reasons_.empty())
        for (const std::size_t reason : reasons_[item]) tokens.push_back(token(reason));
      tokens.push_back(static_cast<std::int64_t>(item));
    }
    for (const std::size_t reason : reasons) tokens.push_back(token(reason));
    if (sequences_.empty() || sequences_.back() != tokens) {
      first_ = std::exchange(size_, size_ + static_cast<std::int64_t>(tokens.size()));
      sequences_.push_back(std::move(tokens));
    }
    return first_;
  }

  /// The place, from a sequence's first, of the state after item number `item` and some of the next one's
  /// reasons.
  [[nodiscard]] std::int64_t state_after(std::size_t item, std::size_t reasons) const {
    return static_cast<std::int64_t>(item * (reasons_.empty() ? 1 : reasons_.front().size() + 1) + reasons);
  }

  [[nodiscard]] const std::vector<std::vector<std::int64_t>>& sequences() const { return sequences_; }

 private:
  [[nodiscard]] std::int64_t token(std::size_t reason) const {
    return static_cast<std::int64_t>(items_ + reason);
  }

  std::size_t items_;
  const std::vector<std::vector<std::size_t>>& reasons_;
  std::vector<std::vector<std::int64_t>> sequences_;
  std::int64_t first_ = 0, size_ = 0;
};

/// The S states that lists of one kind, reasons or items, are drawn from. Borrows the histories.
struct item_states {
  std::vector<std::int64_t> places;                     ///< S, in the layout
  std::vector<std::span<const std::size_t>> histories;  ///< S: what a prior is asked about

  /// The number of the state at `place`; neighbours at one place are one.
  std::int64_t at(std::int64_t place, std::span<const std::size_t> history) {
    if (places.empty() || places.back() != place) {
      places.push_back(place);
      histories.push_back(history);
    }
    return static_cast<std::int64_t>(places.size()) - 1;
  }
};

/// Memory for one large tensor at a time. Pages that the system hands out anew for each cost more than what
/// is computed in them.
class reused_memory {
 public:
  reused_memory() = default;
  reused_memory(const reused_memory&) {}
  reused_memory& operator=(const reused_memory&) { return *this; }

  /// rows x columns floats, not set; of new memory where what was taken before is still held.
  [[nodiscard]] at::Tensor take(std::int64_t rows, std::int64_t columns) {
    if (!kept_.defined() || kept_.storage().use_count() > 1 || kept_.numel() < rows * columns)
      kept_ = at::empty({rows * columns}, at::kFloat);
    return kept_.narrow(0, 0, rows * columns).view({rows, columns});
  }

 private:
  at::Tensor kept_;
};

}  // namespace recllm::torch_bridge::detail
