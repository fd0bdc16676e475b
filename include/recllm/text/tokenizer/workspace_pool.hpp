// Memory to work in that threads borrow from an object they share.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace recllm::detail {

/// At most as many workspaces as threads that borrow at a time. A copy of the pool begins empty.
template <class Workspace>
class workspace_pool {
 public:
  workspace_pool() = default;
  workspace_pool(const workspace_pool&) {}
  workspace_pool(workspace_pool&&) noexcept {}
  workspace_pool& operator=(const workspace_pool&) { return *this; }
  workspace_pool& operator=(workspace_pool&&) noexcept { return *this; }
  ~workspace_pool() = default;

  /// A workspace until the end of the borrower's life; the pool must outlive it.
  class loan {
   public:
    explicit loan(const workspace_pool& pool) : pool_(pool) {
      {
        const std::lock_guard lock(pool_.mutex_);
        if (!pool_.free_.empty()) {
          lent_ = std::move(pool_.free_.back());
          pool_.free_.pop_back();
        }
      }
      if (!lent_) lent_ = std::make_unique<Workspace>();
    }
    loan(const loan&) = delete;
    loan& operator=(const loan&) = delete;
    ~loan() {
      const std::lock_guard lock(pool_.mutex_);
      pool_.free_.push_back(std::move(lent_));
    }

    Workspace& operator*() const { return *lent_; }
    Workspace* operator->() const { return lent_.get(); }

   private:
    const workspace_pool& pool_;
    std::unique_ptr<Workspace> lent_;
  };

  [[nodiscard]] loan borrow() const { return loan(*this); }

 private:
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> free_;
};

}  // namespace recllm::detail
