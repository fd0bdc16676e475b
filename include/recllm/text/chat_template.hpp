// A model folder's own chat template, a Jinja text, run by minja (https://github.com/google/minja, MIT
// licence: header-only, on nlohmann-json). Writes what transformers' apply_chat_template(tokenize=False)
// writes, with one exception: strftime_now is not defined, since a prompt must not depend on the day. A
// template that asks for the date is to be given one: {{"date_string", "26 Jul 2024"}} for Llama 3.1.
#pragma once

#if !__has_include(<minja/minja.hpp>)
#error \
    "recllm: text/chat_template.hpp needs google/minja: give the compiler the folder that holds minja/minja.hpp, \
or use a format of text/chat.hpp"
#else

#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <minja/minja.hpp>
#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/text/chat.hpp>

namespace recllm {

/// The chat template of a model folder in Hugging Face's layout. Models ChatFormat.
class chat_template {
 public:
  /// Reads tokenizer_config.json, for its bos_token, eos_token and chat_template (of several the one named
  /// "default"), and chat_template.jinja, which takes precedence. `variables` are the template's own, such as
  /// {{"enable_thinking", false}} for Qwen3. Throws std::invalid_argument that names the file if it is
  /// missing, not JSON, without template, or if the template is not Jinja.
  [[nodiscard]] static chat_template load(
      const std::filesystem::path& folder,
      nlohmann::ordered_json variables = nlohmann::ordered_json::object()) {
    const std::filesystem::path config_file = folder / "tokenizer_config.json";
    nlohmann::json config;
    try {
      config = nlohmann::json::parse(read(config_file));
    } catch (const nlohmann::json::exception& problem) {
      require(false, "recllm: chat_template::load: ", config_file, ": not JSON: ", problem.what());
    }
    require(config.is_object(), "recllm: chat_template::load: ", config_file, ": expected an object");
    const std::filesystem::path own_file = folder / "chat_template.jinja";
    std::error_code ignored;
    const bool own = std::filesystem::exists(own_file, ignored);
    return {own ? read(own_file) : source_in(config, config_file),
            own ? own_file : config_file,
            {text_of(config, "bos_token"), text_of(config, "eos_token")},
            std::move(variables)};
  }

  /// The conversation as text; with `open_reply`, ended by the generation prompt. Throws
  /// std::invalid_argument with the template's own words where it raises an exception, such as for roles that
  /// do not alternate.
  [[nodiscard]] std::string render(const std::vector<chat_message>& messages, bool open_reply = true) const {
    nlohmann::ordered_json values = variables_;
    values["messages"] = nlohmann::ordered_json::array();
    for (const chat_message& m : messages)
      values["messages"].push_back({{"role", m.role}, {"content", m.content}});
    values["add_generation_prompt"] = open_reply;
    values["bos_token"] = tokens_.first;
    values["eos_token"] = tokens_.second;
    try {
      return template_->render(minja::Context::make(minja::Value(values)));
    } catch (const std::exception& problem) {
      require(false, "recllm: chat_template::render: ", file_, ": ", problem.what());
    }
    return {};
  }

  /// What the model said: `completion` up to the first eos_token, all of it where there is none. Borrows.
  [[nodiscard]] std::string_view reply(std::string_view completion) const {
    const std::string& end = tokens_.second;
    return end.empty() ? completion : completion.substr(0, completion.find(end));
  }

 private:
  using token_pair = std::pair<std::string, std::string>;  // bos_token, eos_token

  chat_template(const std::string& source, std::filesystem::path file, token_pair tokens,
                nlohmann::ordered_json variables)
      : file_(std::move(file)),
        tokens_(std::move(tokens)),
        variables_(std::move(variables)),
        template_(parsed(source, file_)) {}

  static std::shared_ptr<minja::TemplateNode> parsed(const std::string& source,
                                                     const std::filesystem::path& file) {
    try {
      return minja::Parser::parse(
          source, {.trim_blocks = true, .lstrip_blocks = true, .keep_trailing_newline = false});
    } catch (const std::exception& problem) {
      throw std::invalid_argument(message("recllm: chat_template::load: ", file, ": ", problem.what()));
    }
  }

  static std::string read(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    require(in.is_open() && !in.bad(), "recllm: chat_template::load: cannot read ", file,
            "; is the folder that of a model for transformers?");
    return text;
  }

  /// The text of a field, also of {"content": text}; empty if there is none.
  static std::string text_of(const nlohmann::json& object, const char* field) {
    if (!object.is_object() || !object.contains(field)) return "";
    const nlohmann::json& value = object[field];
    if (value.is_object()) return text_of(value, "content");
    return value.is_string() ? value.get<std::string>() : "";
  }

  static std::string source_in(const nlohmann::json& config, const std::filesystem::path& file) {
    std::string source = text_of(config, "chat_template"), names;
    if (config.contains("chat_template") && config["chat_template"].is_array())
      for (const nlohmann::json& entry : config["chat_template"]) {
        const std::string name = text_of(entry, "name");
        names += (names.empty() ? "'; there are: " : ", ") + name;
        if (name == "default") source = text_of(entry, "template");
      }
    require(!source.empty(), "recllm: chat_template::load: ", file, ": no chat_template",
            names.empty() ? "" : " called 'default" + names,
            "; is it a model for chat? If so, use a format of text/chat.hpp");
    return source;
  }

  std::filesystem::path file_;
  token_pair tokens_;
  nlohmann::ordered_json variables_;
  std::shared_ptr<minja::TemplateNode> template_;
};
static_assert(ChatFormat<chat_template>);

}  // namespace recllm

#endif
