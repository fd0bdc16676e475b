// The post-processors of tokenizer.json: the special tokens around a text.
//
// Components: TemplateProcessing, RobertaProcessing, BertProcessing, ByteLevel (which changes offsets only),
// Sequence, as https://huggingface.co/docs/tokenizers/api/post-processors says.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <recllm/text/tokenizer/components.hpp>

namespace recllm::detail {

class post_processor {
 public:
  post_processor() = default;

  /// Reads the file's field "post_processor"; ids are below `end`.
  post_processor(const json_place& processor, std::size_t end) {
    bool read = false;
    each_component(processor, "processors", [&](const json_place& part) {
      const std::string& type = part.at("type").text();
      if (type == "ByteLevel") return;
      if (read) part.refuse("is a second processor that adds tokens; expected one");
      read = true;
      if (type == "TemplateProcessing")
        read_template(part, end);
      else if (type == "RobertaProcessing" || type == "BertProcessing")
        pieces_ = {{{token_id(part.at("cls"), end)}}, {}, {{token_id(part.at("sep"), end)}}};
      else
        part.at("type").fail("TemplateProcessing, RobertaProcessing, BertProcessing, ByteLevel or Sequence");
    });
  }

  /// The ids of a text with what belongs around them.
  [[nodiscard]] std::vector<int> apply(std::vector<int> ids, bool add_special_tokens) const {
    if (pieces_.empty()) return ids;
    std::vector<int> all;
    for (const piece& one : pieces_) {
      if (one.ids.empty())
        all.insert(all.end(), ids.begin(), ids.end());
      else if (add_special_tokens)
        all.insert(all.end(), one.ids.begin(), one.ids.end());
    }
    return all;
  }

 private:
  struct piece {
    std::vector<int> ids;  // empty: the text's
  };

  static int token_id(const json_place& token, std::size_t end) {
    if (token.size() != 2) token.fail("a token and its id");
    return static_cast<int>(token.at(std::size_t{1}).number(end));
  }

  void read_template(const json_place& part, std::size_t end) {
    const json_place single = part.at("single"), tokens = part.at("special_tokens");
    for (std::size_t i = 0; i < single.size(); ++i) {
      const json_place entry = single.at(i), sequence = entry.at("Sequence"),
                       token = entry.at("SpecialToken");
      if (!sequence.null()) {
        if (sequence.at("id").text() != "A") sequence.at("id").fail("\"A\": there is one text");
        pieces_.push_back({});
        continue;
      }
      const std::string& name = token.at("id").text();
      const json_place ids = tokens.at(name).at("ids");
      piece made;
      for (std::size_t n = 0; n < ids.size(); ++n)
        made.ids.push_back(static_cast<int>(ids.at(n).number(end)));
      if (!made.ids.empty()) pieces_.push_back(std::move(made));
    }
    if (pieces_.empty()) single.fail("a list that holds the text");
  }

  std::vector<piece> pieces_;
};

}  // namespace recllm::detail
