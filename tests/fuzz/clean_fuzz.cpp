// Text cleaning and HTML's entities.
#include <recllm/text/clean.hpp>
#include <recllm/text/html_entities.hpp>

#include "fuzz.hpp"

using namespace recllm;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  static_cast<void>(decode_html_entities(text));
  for (const normal_form form : {normal_form::nfc, normal_form::nfkc})
    for (const bool symbols : {true, false}) {
      const text_cleaning how{.html_entities = false, .symbols = symbols, .form = form};
      const std::string once = clean_text(text, how);
      fuzz::expect(clean_text(once, how) == once, "clean text stays as it is");
      fuzz::expect(once.find_first_of("\t\r\n") == std::string::npos, "single spaces");
      fuzz::expect(!once.starts_with(' ') && !once.ends_with(' '), "no space at the ends");
    }
  return 0;
}
