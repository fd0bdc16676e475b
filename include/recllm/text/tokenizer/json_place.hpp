// Values of a JSON file that know where they stand, so that a message can say it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/core/shown_json.hpp>

namespace recllm::detail {

/// A value and its path: "pre_tokenizer.pretokenizers[1].type". Borrows the document and the file's name.
/// What is absent is null. Getters throw std::invalid_argument that names file, path and value.
class json_place {
 public:
  json_place(const nlohmann::json& value, const std::filesystem::path& file) : value_(&value), file_(&file) {}

  [[nodiscard]] const nlohmann::json& value() const { return *value_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool null() const { return value_->is_null(); }

  [[nodiscard]] json_place at(const std::string& name) const {
    static const nlohmann::json nothing;
    if (!value_->is_object() && !null()) fail("an object");
    const auto found = null() ? value_->end() : value_->find(name);
    return {null() || found == value_->end() ? nothing : *found, *file_,
            path_.empty() ? name : path_ + "." + name};
  }

  /// The number of elements of a list.
  [[nodiscard]] std::size_t size() const {
    if (!value_->is_array()) fail("a list");
    return value_->size();
  }
  [[nodiscard]] json_place at(std::size_t i) const {
    return {(*value_)[i], *file_, path_ + "[" + std::to_string(i) + "]"};
  }

  [[nodiscard]] const std::string& text() const {
    if (!value_->is_string()) fail("a string");
    return value_->get_ref<const std::string&>();
  }
  [[nodiscard]] std::string text(std::string_view otherwise) const {
    return null() ? std::string(otherwise) : text();
  }
  [[nodiscard]] bool flag(std::optional<bool> otherwise = std::nullopt) const {
    if (null() && otherwise) return *otherwise;
    if (!value_->is_boolean()) fail("true or false");
    return value_->get<bool>();
  }
  /// A whole number from 0 that is below `end`.
  [[nodiscard]] std::size_t number(std::size_t end) const {
    if (!value_->is_number_unsigned() || value_->get<std::uint64_t>() >= end)
      fail("a whole number from 0, below ", end);
    return value_->get<std::size_t>();
  }

  /// Throws: the value must be `expected`.
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... expected) const {
    refuse("is ", shown_json{*value_}, "; expected ", expected...);
  }
  /// Throws with the words after the path.
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... words) const {
    throw std::invalid_argument(message("recllm: pretrained_tokenizer::load: ", *file_, ": ",
                                        path_.empty() ? "the document" : path_, " ", words...));
  }

 private:
  json_place(const nlohmann::json& value, const std::filesystem::path& file, std::string path)
      : value_(&value), file_(&file), path_(std::move(path)) {}

  const nlohmann::json* value_;
  const std::filesystem::path* file_;
  std::string path_;
};

}  // namespace recllm::detail
