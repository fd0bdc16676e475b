// Templates read at run time, against a second reading of the same text by recursive descent: the same texts
// are refused, the others come out the same. Input: the template, an argument's text, a list's lines, films.
#include <functional>

#include <recllm/text/runtime_template.hpp>

#include "fuzz/fuzz.hpp"

using namespace recllm;
using fuzz::expect;

namespace {

struct film {
  std::string a;
  std::vector<std::string> b;
};

/// What t, n, l and f stand for; a film has the fields a and b, an element of b has the field c.
struct arguments {
  std::string t;
  std::optional<int> n;
  std::vector<std::string> l;
  std::vector<film> f;
};

/// In front of the template, so that it asks for everything.
constexpr std::string_view everything = "{t}{n}{l}{#f}{.a}{#.b}{.}{.c}{/.b}{/f}\n";

std::string filled(const runtime_template& read, const arguments& given) {
  const auto length = [](const std::string& tag) { return tag.size(); };
  const auto tags = [&](const film& one) { return each(one.b, "c"_a = length); };
  return read("t"_a = given.t, "n"_a = given.n, "l"_a = given.l,
              "f"_a = each(given.f, "a"_a = &film::a, "b"_a = tags));
}

/// What a name stands for, by its type.
enum class kind { nothing, text, number, strings, films, tags };

struct tag {
  char mark = ' ';   // one of # ? ^ / or none
  char scope = ' ';  // one of . @ or none
  std::string name;
  std::optional<std::string> separator;
};

struct node {
  std::string text;  // if there is no tag
  std::optional<tag> what;
  kind type = kind::nothing;
  std::vector<node> body{};
};

struct fault {};

/// Takes a template apart; throws fault.
class reader {
 public:
  explicit reader(std::string_view text) : text_(text), gone_(text.size(), false) {
    for (std::size_t at = 0; at < text.size();) at = skip_lone(at);
  }

  std::vector<node> read() {
    std::vector<node> all = body({}, kind::nothing);
    return all;
  }
  [[nodiscard]] std::size_t depth() const { return deepest_; }

 private:
  static bool is_name(char c) {
    return std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_").find(c) !=
           std::string_view::npos;
  }

  /// The byte after a tag that begins at `at`; `at` if there is none.
  [[nodiscard]] std::size_t tag_end(std::size_t at) const {
    if (text_[at] != '{' || text_.substr(at, 2) == "{{") return at;
    const std::size_t end = text_.find_first_of("{}", at + 1);
    if (end == std::string_view::npos || text_[end] == '{') throw fault{};
    return end + 1;
  }

  /// Marks the line of a section's tag that stands alone on it; returns where to go on.
  std::size_t skip_lone(std::size_t at) {
    if (text_.substr(at, 2) == "{{" || text_.substr(at, 2) == "}}") return at + 2;
    if (text_[at] == '}') throw fault{};
    const std::size_t end = tag_end(at);
    if (end == at) return at + 1;
    if (std::string_view("#?^/").find(text_[at + 1]) == std::string_view::npos) return end;
    const std::string_view before = text_.substr(0, at), after = text_.substr(end);
    const std::size_t ink = before.find_last_not_of(" \t");
    if (ink != std::string_view::npos && before[ink] != '\n') return end;
    const std::size_t rest = std::min(after.find_first_not_of(" \t"), after.size());
    const std::string_view line_end = after.substr(rest);
    if (!line_end.empty() && !line_end.starts_with('\n') && !line_end.starts_with("\r\n")) return end;
    const std::size_t cut = line_end.empty() ? 0 : line_end.front() == '\n' ? 1 : 2;
    for (std::size_t i = ink == std::string_view::npos ? 0 : ink + 1; i < end + rest + cut; ++i)
      gone_[i] = true;
    return end;
  }

  static tag tag_of(std::string_view inside) {
    tag found;
    if (!inside.empty() && std::string_view("#?^/").find(inside[0]) != std::string_view::npos) {
      found.mark = inside[0];
      inside.remove_prefix(1);
    }
    if (!inside.empty() && (inside[0] == '.' || inside[0] == '@')) {
      found.scope = inside[0];
      inside.remove_prefix(1);
    }
    while (!inside.empty() && is_name(inside[0])) {
      found.name += inside[0];
      inside.remove_prefix(1);
    }
    const bool joins = found.scope != '@' && (found.mark == ' ' || found.mark == '#');
    if (!inside.empty() && (inside[0] != ':' || !joins)) throw fault{};
    if (!inside.empty()) found.separator = inside.substr(1);
    if (found.name.empty() && (found.scope != '.' || found.mark != ' ')) throw fault{};
    if (found.scope == '@' && found.name != "index" && found.name != "rank") throw fault{};
    return found;
  }

  /// The type of what a tag names, in a loop over `loop`.
  static kind type_of(const tag& what, kind loop) {
    if (what.scope != ' ' && loop == kind::nothing) throw fault{};
    if (what.scope == '@') return kind::number;
    if (what.scope == ' ') {
      if (what.name == "t") return kind::text;
      if (what.name == "n") return kind::number;
      if (what.name == "l") return kind::strings;
      if (what.name == "f") return kind::films;
    } else if (loop == kind::films) {
      if (what.name == "a") return kind::text;
      if (what.name == "b") return kind::tags;
    } else if (what.name.empty()) {
      return kind::text;
    } else if (loop == kind::tags && what.name == "c") {
      return kind::number;
    }
    throw fault{};
  }

  std::vector<node> body(const std::optional<tag>& open, kind loop) {
    std::vector<node> all;
    while (at_ < text_.size()) {
      const std::size_t end = tag_end(at_);
      if (end == at_) {
        const bool twice = text_[at_] == '{' || text_[at_] == '}';
        if (!gone_[at_]) all.push_back({std::string(1, text_[at_]), {}});
        at_ += twice ? 2 : 1;
        continue;
      }
      const tag what = tag_of(text_.substr(at_ + 1, end - at_ - 2));
      at_ = end;
      if (what.mark == '/') {
        if (!open || open->name != what.name || open->scope != what.scope) throw fault{};
        return all;
      }
      node one{"", what, type_of(what, loop)};
      const bool listed = one.type == kind::strings || one.type == kind::films || one.type == kind::tags;
      if (what.mark == ' ' && (one.type == kind::films || one.type == kind::tags)) throw fault{};
      if (what.mark == '#' && !listed) throw fault{};
      if (what.mark == '#') deepest_ = std::max(deepest_, ++depth_);
      if (what.mark != ' ') one.body = body(what, what.mark == '#' ? one.type : loop);
      if (what.mark == '#') --depth_;
      all.push_back(std::move(one));
    }
    if (open) throw fault{};
    return all;
  }

  std::string_view text_;
  std::vector<bool> gone_;  // with the line of a tag
  std::size_t at_ = 0, depth_ = 0, deepest_ = 0;
};

/// Where a body stands: the element of the loop around it.
struct element {
  const film* of_films = nullptr;
  const std::string* text = nullptr;
  std::size_t place = 0;
};

void write(std::string& out, const std::vector<node>& body, const arguments& given, const element& here) {
  for (const node& one : body) {
    if (!one.what) {
      out += one.text;
      continue;
    }
    const tag& what = *one.what;
    std::optional<std::string> shown;  // of text and numbers
    bool there = false;
    const std::vector<std::string>* strings = what.scope == ' ' ? &given.l : nullptr;
    if (here.of_films != nullptr && what.scope == '.') strings = &here.of_films->b;
    if (what.scope == '@') {
      const std::size_t number = what.name == "rank" ? here.place + 1 : here.place;
      shown = std::to_string(number);
      there = number > 0;
    } else if (one.type == kind::number && what.scope == ' ') {
      shown = given.n ? std::to_string(*given.n) : "";
      there = given.n.has_value();
    } else if (one.type == kind::number) {
      shown = std::to_string(here.text->size());
      there = !here.text->empty();
    } else if (one.type == kind::text) {
      shown = what.scope == ' ' ? given.t : here.of_films != nullptr ? here.of_films->a : *here.text;
      there = !shown->empty();
    } else {
      there = one.type == kind::films ? !given.f.empty() : !strings->empty();
    }
    if (what.mark == '?' || what.mark == '^') {
      if (there == (what.mark == '?')) write(out, one.body, given, here);
    } else if (what.mark == '#') {
      const std::size_t count = one.type == kind::films ? given.f.size() : strings->size();
      for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) out += what.separator.value_or("");
        const bool films = one.type == kind::films;
        write(out, one.body, given, {films ? &given.f[i] : nullptr, films ? nullptr : &(*strings)[i], i});
      }
    } else if (shown) {
      out += *shown;
    } else {
      for (std::size_t i = 0; i < strings->size(); ++i)
        out += (i > 0 ? what.separator.value_or(", ") : "") + (*strings)[i];
    }
  }
}

void check(const std::string& text, const arguments& given) {
  std::optional<std::vector<node>> expected;
  std::size_t depth = 0;
  try {
    reader second(text);
    expected = second.read();
    depth = second.depth();
  } catch (const fault&) {
  }
  if (depth > 4) return;  // each loop multiplies the text
  const auto got = fuzz::attempt([&] { return filled(runtime_template(text), given); });
  fuzz::expect_place_in(got.refusal, "text", text);
  expect(got.value.has_value() == expected.has_value(), expected ? "refused: " : "not refused", got.refusal);
  if (!expected) return;
  std::string all;
  write(all, *expected, given, {});
  expect(*got.value == all, "got\n", *got.value, "\nexpected\n", all);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 4);
  arguments given{texts[1], {}, {}, {}};
  if (!texts[1].empty()) given.n = static_cast<int>(texts[1].size()) - 2;
  if (!texts[2].empty()) given.l = fuzz::lines(texts[2]);
  if (!texts[3].empty())
    for (const std::string& line : fuzz::lines(texts[3])) {
      std::vector<std::string> fields = fuzz::parts(line, "|");
      fields.resize(std::min<std::size_t>(fields.size(), 4));
      given.f.push_back({fields[0], {fields.begin() + 1, fields.end()}});
    }
  given.l.resize(std::min<std::size_t>(given.l.size(), 4));
  given.f.resize(std::min<std::size_t>(given.f.size(), 4));
  check(std::string(everything) + texts[0], given);

  // The template alone asks for some of it only; and what is escaped comes out as it was.
  const auto alone = fuzz::attempt([&] { return filled(runtime_template(texts[0]), given).size(); });
  fuzz::expect_place_in(alone.refusal, "text", texts[0]);
  std::string escaped;
  for (const char c : texts[0]) escaped += std::string(c == '{' || c == '}' ? 2 : 1, c);
  expect(runtime_template(escaped + "{t}" + escaped)("t"_a = given.t) == texts[0] + given.t + texts[0],
         "escaped text is shown as another");
  return 0;
}
