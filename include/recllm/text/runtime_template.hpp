// The run-time twin of prompt_template: the same text and arguments, read from a file or made by the program.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/text/prompt_template.hpp>

namespace recllm {

/// Text with placeholders as in prompt_template, known only at run time. What depends on the text throws
/// std::invalid_argument with the file (or "text"), line and column (of characters, from 1); a repeated or
/// unfit argument still does not compile.
class runtime_template {
 public:
  /// Throws for what prompt_template does not compile: a fault of braces, names or sections.
  explicit runtime_template(std::string text) : runtime_template(std::move(text), "text") {}

  /// The file's text, byte for byte, a line end at its end too. Throws if it cannot be read.
  [[nodiscard]] static runtime_template load(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text;
    std::array<char, 4096> block{};
    while (in.read(block.data(), block.size()) || in.gcount() > 0)
      text.append(block.data(), static_cast<std::size_t>(in.gcount()));
    require(in.is_open() && !in.bad(), "recllm: runtime_template: cannot read '", path,
            "'; is it a file that is there and readable?");
    return {std::move(text), path};
  }

  /// The text filled in. Throws for placeholders and arguments, or fields, that do not fit each other.
  template <class... Arguments>
  [[nodiscard]] std::string operator()(Arguments&&... arguments) const {
    std::string out;
    if constexpr (detail::well_given<std::remove_cvref_t<Arguments>...>()) {
      const detail::misfit found = detail::fit(pieces_, detail::shapes_of<std::remove_cvref_t<Arguments>...>);
      if (found.fault != detail::argument_fault::none)
        require(false, complaint(found, join(detail::names_of<std::remove_cvref_t<Arguments>...>, ", ")));
      detail::fill<true>(out, pieces_, 0, pieces_.size(), detail::outside_loops{}, arguments...);
    }
    return out;
  }

  /// The names of the arguments that the text asks for, in order of first occurrence.
  [[nodiscard]] std::vector<std::string> placeholders() const {
    std::vector<std::string> names;
    for (const detail::template_piece& piece : pieces_)
      if (piece.asks(detail::template_scope::arguments, piece.text) &&
          std::find(names.begin(), names.end(), piece.text) == names.end())
        names.emplace_back(piece.text);
    return names;
  }

 private:
  runtime_template(std::string text, std::string source)
      : text_(std::make_shared<const std::string>(std::move(text))),
        source_(std::move(source)),
        pieces_(detail::count_pieces(*text_)) {
    const std::size_t fault = detail::take_apart(*text_, pieces_);
    if (fault != detail::no_piece) require(false, complaint(pieces_[fault]));
  }

  /// What is wrong with the text.
  [[nodiscard]] std::string complaint(const detail::template_piece& piece) const {
    using enum detail::template_fault;
    const std::string_view excerpt = std::string_view(*text_).substr(piece.first, piece.last - piece.first);
    const std::string where = message("recllm: runtime_template: ", place(piece.first), ": ");
    switch (piece.fault) {
      case unclosed_brace:
        return message(where, "the { of '", excerpt,
                       "' has no } before the next { or the end; write {{ for a brace itself");
      case stray_brace:
        return message(where, "a } has no { before it; write }} for a brace itself");
      case nameless:
        return message(where, "a placeholder has no name; write {name}, or {{}} for the braces themselves");
      case misnamed:
        return message(where, "the name in '", excerpt, "' may hold only letters, digits and underscores");
      case unknown_counter:
        return message(where, "'", excerpt,
                       "' is no counter; a loop has {@index}, from 0, and {@rank}, from 1");
      case outside_loop:
        return message(where, "'", excerpt, "' is of a list's element; write it between {#list} and {/list}");
      case unclosed_section:
        return message(where, "the section '", excerpt, "' has no end; write {/name} where it ends");
      default:
        return message(where, "'", excerpt, "' is not the end of ", open_section(piece),
                       "; is it misspelt or misplaced?");
    }
  }

  [[nodiscard]] std::string open_section(const detail::template_piece& close) const {
    if (close.parent == detail::no_piece) return "any section: none is open";
    const detail::template_piece& open = pieces_[close.parent];
    return message("the section opened last, '", text_->substr(open.first, open.last - open.first), "' of ",
                   place(open.first));
  }

  /// What is wrong with the arguments, whose names are `given`.
  [[nodiscard]] std::string complaint(const detail::misfit& found, const std::string& given) const {
    using enum detail::argument_fault;
    const bool placed = found.piece != detail::no_piece;
    const std::string where =
        message("recllm: runtime_template: ", placed ? place(pieces_[found.piece].first) : source_, ": ");
    switch (found.fault) {
      case unknown:
        return message(where, "no placeholder is called '", found.name,
                       "'; there are: ", join(placeholders(), ", "));
      case missing:
        return message(where, "no argument for the placeholder '", found.name, "'; given: ", given);
      case unknown_field:
        return message(where, "no loop over the list shows the field '", found.name, "'; is it misspelt?");
      case missing_field:
        return message(where, "the elements of the loop have no field '", found.name,
                       "'; give the list as each(list, \"", found.name, "\"_a = &type::member)");
      case not_a_list:
        return message(where, "a loop needs a list, and '", found.name, "' is none; write {?", found.name,
                       "} for a section that is shown if it is there");
      default:
        return message(where, "'", found.name,
                       "' is shown by its fields, as each() gives it: {#list}{.field}{/list}");
    }
  }

  /// source:line:column of a byte.
  [[nodiscard]] std::string place(std::size_t at) const {
    std::size_t line = 1, column = 1;
    for (const char c : std::string_view(*text_).substr(0, at)) {
      const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;  // UTF-8: not the first byte
      column = c == '\n' ? 1 : column + (continues ? 0 : 1);
      line += c == '\n' ? 1 : 0;
    }
    return message(source_, ":", line, ":", column);
  }

  std::shared_ptr<const std::string> text_;  // the pieces point into it, those of copies too
  std::string source_;
  std::vector<detail::template_piece> pieces_;
};

}  // namespace recllm
