// What the conformance driver's operations share: the table that each file fills, and the reading of fields.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/types.hpp>

namespace conformance {

using json = nlohmann::json;

/// Request -> answer, without "id". Throws std::exception with a message that names the field.
using operation = std::function<json(const json&)>;

/// All operations by name.
std::map<std::string, operation, std::less<>>& operations();

/// `const added this_file{"name", function};` at namespace scope makes an operation known.
struct added {
  added(std::string name, operation what) { operations().emplace(std::move(name), std::move(what)); }
};

/// A number, or the string "nan", "inf" or "-inf" where JSON has none.
json number(double x);
json numbers(const recllm::row_values<double>& x);

/// A named part of a request. Every getter throws std::invalid_argument with the field's path where the type
/// is wrong; the `maybe` ones return nothing where the field is absent or null, the others throw.
class fields {
 public:
  explicit fields(const json& object, std::string path = "") : object_(object), path_(std::move(path)) {
    if (!object.is_object()) fail("", "an object");
  }

  [[nodiscard]] bool has(std::string_view name) const;
  /// There, but null: "no clip" where absent is the default.
  [[nodiscard]] bool null(std::string_view name) const;
  [[nodiscard]] fields object(std::string_view name) const;  ///< absent = empty
  [[nodiscard]] const json& any(std::string_view name) const;

  [[nodiscard]] std::optional<double> maybe_number(std::string_view name) const;
  [[nodiscard]] std::optional<bool> maybe_flag(std::string_view name) const;
  [[nodiscard]] std::optional<std::string> maybe_text(std::string_view name) const;
  [[nodiscard]] std::optional<std::vector<double>> maybe_list(std::string_view name) const;
  [[nodiscard]] std::optional<std::vector<std::vector<double>>> maybe_rows(std::string_view name) const;

  [[nodiscard]] double number(std::string_view name) const;
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;  ///< an integer >= 0
  [[nodiscard]] recllm::row_values<double> list(std::string_view name) const;
  [[nodiscard]] std::vector<std::vector<double>> rows(std::string_view name) const;
  [[nodiscard]] std::vector<std::size_t> groups(std::string_view name) const;

  /// The number, or what stands there.
  void read(std::string_view name, double& into) const;
  /// Absent leaves it, null clears it.
  void read(std::string_view name, std::optional<double>& into) const;
  /// The value of the name that the text gives.
  template <class T>
  void read(std::string_view name, T& into, const std::map<std::string, T, std::less<>>& names) const {
    const std::optional<std::string> given = maybe_text(name);
    if (!given) return;
    const auto found = names.find(*given);
    if (found == names.end()) {
      std::string known;
      for (const auto& [word, value] : names) known += (known.empty() ? "\"" : ", \"") + word + "\"";
      fail(name, "one of " + known);
    }
    into = found->second;
  }

  /// Throws: field `name` must be `expected`.
  [[noreturn]] void fail(std::string_view name, const std::string& expected) const;

 private:
  [[nodiscard]] const json* find(std::string_view name) const;
  [[nodiscard]] double number_of(const json& value, std::string_view name) const;

  const json& object_;
  std::string path_;
};

/// Ragged rows and their places in a padded matrix.
class raggedness {
 public:
  raggedness(const fields& request, std::string_view like);

  /// The rows of a field, padded with 0; each must be as long as that of `like`.
  [[nodiscard]] recllm::token_matrix<double> matrix(const fields& request, std::string_view name) const;
  /// The same, where the field is there; else 0 x 0.
  [[nodiscard]] recllm::token_matrix<double> maybe_matrix(const fields& request, std::string_view name) const;
  /// The field "mask", or ones; 0 in the padding.
  [[nodiscard]] recllm::token_matrix<double> mask(const fields& request) const;
  /// n numbers, repeated over their rows, or rows of them.
  [[nodiscard]] recllm::token_matrix<double> spread(const fields& request, std::string_view name) const;
  /// Back to rows.
  [[nodiscard]] json rows(const recllm::token_matrix<double>& padded) const;

 private:
  std::string like_;
  std::vector<std::size_t> lengths_;
  std::size_t longest_ = 0;
};

}  // namespace conformance
