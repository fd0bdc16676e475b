// Objects of a JSON-lines file and their fields.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/core/shown_json.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/data/text_file.hpp>
#include <recllm/data/time_format.hpp>

namespace recllm::detail {

/// A file of one JSON object a line, read line by line. A field is named by its key, or, from "/" on, by an
/// RFC 6901 pointer: "/post/id".
class json_file {
 public:
  json_file(std::string_view reader, const std::filesystem::path& path, std::string_view hint)
      : file_(reader, path, hint) {}

  /// Goes to the next object; false at the end of the file. Lines of white space are passed over.
  bool next_object() {
    do {
      if (!file_.next_line()) return false;
    } while (file_.text().find_first_not_of(" \t\r") == std::string_view::npos);
    try {
      object_ = nlohmann::json::parse(file_.text());
    } catch (const nlohmann::json::exception& problem) {
      const bool python = file_.text().starts_with("{'");
      fail(python ? "this is a Python literal, as the metadata of 2014 are published; expected JSON: convert "
                    "the file first, by json.dumps(ast.literal_eval(line)) of each line"
                  : std::string("expected a JSON object: ") + problem.what());
    }
    if (!object_.is_object()) fail("expected a JSON object, found ", object_.type_name());
    return true;
  }

  /// The field, or null where there is none.
  [[nodiscard]] const nlohmann::json& field(const std::string& name) const {
    static const nlohmann::json nothing;
    if (name.starts_with('/')) {
      const nlohmann::json::json_pointer pointer(name);
      return object_.contains(pointer) ? object_.at(pointer) : nothing;
    }
    const auto found = object_.find(name);
    return found == object_.end() ? nothing : *found;
  }

  /// The field as text: a text, a number or a truth value as it is written, "" for null or none or no name.
  [[nodiscard]] std::string text(const std::string& name) const {
    return name.empty() ? "" : text_of(field(name), name);
  }

  /// The same of a value that stands under `name`.
  [[nodiscard]] std::string text_of(const nlohmann::json& value, const std::string& name) const {
    if (value.is_null()) return "";
    if (value.is_string()) return value.get<std::string>();
    if (value.is_structured())
      fail("field '", name, "' holds ", value.type_name(), "; expected text or a number");
    return value.dump();
  }

  /// The field as text that must be there.
  [[nodiscard]] std::string id(const std::string& name) const {
    const nlohmann::json& value = field(name);
    if (!value.is_string() && !value.is_number_integer())
      fail("field '", name, "' is ", told(value), "; expected an id, a text or an integer; found: ", keys());
    return text_of(value, name);
  }

  /// The field as a finite number, also if it is written as text; `otherwise` for null or none or no name.
  [[nodiscard]] double number(const std::string& name, std::optional<double> otherwise) const {
    static const nlohmann::json nothing;
    const nlohmann::json& value = name.empty() ? nothing : field(name);
    if (value.is_null() && otherwise) return *otherwise;
    const std::optional<double> number =
        value.is_string() || value.is_number() ? parse_number(text_of(value, name)) : std::nullopt;
    if (!number) fail("field '", name, "' is ", told(value), "; expected a finite number; found: ", keys());
    return *number;
  }

  /// The field as whole seconds since the epoch.
  [[nodiscard]] std::int64_t seconds(const std::string& name, time_format format) const {
    const nlohmann::json& value = field(name);
    const std::optional<std::int64_t> time =
        value.is_string() || value.is_number() ? parse_time(text_of(value, name), format) : std::nullopt;
    if (!time)
      fail("field '", name, "' is ", told(value), "; expected ", expected_time(format), "; found: ", keys());
    return *time;
  }

  /// Throws std::invalid_argument about the current line.
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    file_.fail(parts...);
  }

 private:
  static std::string told(const nlohmann::json& value) {
    return value.is_null() ? "not there" : message(shown_json{value});
  }

  [[nodiscard]] std::string keys() const {
    std::string all;
    for (const auto& entry : object_.items()) all += (all.empty() ? "" : ", ") + entry.key();
    return all.empty() ? "no field" : all;
  }

  text_file file_;
  nlohmann::json object_;
};

}  // namespace recllm::detail
