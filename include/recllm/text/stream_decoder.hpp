// Text of tokens as they come, without broken characters.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace recllm {

/// Decodes ids one at a time. What push() and at last finish() return, joined, is decode() of all ids; text
/// that a later id could still complete or change is held back. Borrows the tokenizer, which has decode(ids,
/// skip_special) and is_open_after(ids, skip_special).
template <class T>
class stream_decoder {
 public:
  explicit stream_decoder(const T& tokenizer, bool skip_special = false)
      : tokenizer_(&tokenizer), skip_special_(skip_special) {}
  explicit stream_decoder(const T&&, bool = false) = delete;

  /// The text that `id` completes; "" while a character lacks bytes. Throws as decode().
  [[nodiscard]] std::string push(int id) {
    ids_.push_back(id);
    std::string text = tokenizer_->decode(ids_, skip_special_);
    constexpr std::string_view replacement = "\uFFFD";  // also of bytes that are not complete yet
    if (text.size() <= shown_.size() || text.ends_with(replacement)) return "";
    if (tokenizer_->is_open_after(ids_, skip_special_)) return "";
    text.erase(0, shown_.size());
    // What decoders do at the beginning of a text is not for what follows: one shown token stays before it.
    ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(shown_ids_));
    shown_ids_ = ids_.size();
    shown_ = tokenizer_->decode(ids_, skip_special_);
    return text;
  }

  /// What is held back, complete or not. The next push() begins a new text.
  [[nodiscard]] std::string finish() {
    std::string text = ids_.empty() ? "" : tokenizer_->decode(ids_, skip_special_);
    text.erase(0, shown_.size());
    ids_.clear();
    shown_.clear();
    shown_ids_ = 0;
    return text;
  }

 private:
  const T* tokenizer_;
  bool skip_special_;
  std::vector<int> ids_;  // from the last text that was shown on
  std::size_t shown_ids_ = 0;
  std::string shown_;  // their text
};

}  // namespace recllm
