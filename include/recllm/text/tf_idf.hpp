// Likeness of texts by their words: vectors of TF-IDF and their cosine.
//
//   weight of word w in text d = n(w, d) (ln((1 + N) / (1 + df(w))) + 1),   each vector of length 1
//
// n(w, d): how often w stands in d; N: texts; df: texts with w. Salton and Buckley, "Term-Weighting
// Approaches in Automatic Text Retrieval", 1988, as scikit-learn's TfidfVectorizer smooths it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>

namespace recllm {

/// The vectors of some texts. Words are runs of two letters, digits or underscores and more, without regard
/// to the case of ASCII; bytes outside ASCII count as letters.
class tf_idf {
 public:
  explicit tf_idf(std::span<const std::string> texts) {
    std::unordered_map<std::string, std::size_t> numbers;
    std::vector<double> in_texts;
    for (const std::string& text : texts) {
      std::map<std::size_t, double> counts;
      for_words(text, [&](const std::string& word) {
        const std::size_t number = numbers.try_emplace(word, numbers.size()).first->second;
        if (number == in_texts.size()) in_texts.push_back(0.0);
        if (++counts[number] == 1.0) ++in_texts[number];
      });
      vectors_.emplace_back(counts.begin(), counts.end());
    }
    for (auto& vector : vectors_) {
      double squares = 0.0;
      for (auto& [word, weight] : vector) {
        weight *= std::log((1.0 + static_cast<double>(texts.size())) / (1.0 + in_texts[word])) + 1.0;
        squares += weight * weight;
      }
      for (auto& [word, weight] : vector) weight /= std::sqrt(squares);
    }
  }

  /// The number of texts.
  [[nodiscard]] std::size_t size() const { return vectors_.size(); }

  /// How alike two texts are, 0 (no common word, or none at all) to 1, by their numbers from 0. Throws
  /// std::invalid_argument for a number out of range.
  [[nodiscard]] double cosine(std::size_t a, std::size_t b) const {
    require(a < size() && b < size(), "recllm: tf_idf: cosine of texts ", a, " and ", b, "; there are ",
            size());
    double sum = 0.0;
    auto left = vectors_[a].begin(), right = vectors_[b].begin();
    while (left != vectors_[a].end() && right != vectors_[b].end()) {
      if (left->first == right->first)
        sum += left++->second * right++->second;
      else
        ++(left->first < right->first ? left : right);
    }
    return std::min(sum, 1.0);
  }

 private:
  template <class Each>
  static void for_words(std::string_view text, Each&& each) {
    std::string word;
    const auto end_word = [&] {
      if (word.size() > 1) each(word);
      word.clear();
    };
    for (const char c : text) {
      const bool upper = c >= 'A' && c <= 'Z';
      if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
          static_cast<unsigned char>(c) > 127)
        word += upper ? static_cast<char>(c - 'A' + 'a') : c;
      else
        end_word();
    }
    end_word();
  }

  std::vector<std::vector<std::pair<std::size_t, double>>> vectors_;  // of each text: word, weight
};

}  // namespace recllm
