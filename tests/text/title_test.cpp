#include <recllm/text/title.hpp>

#include <string>

#include "support/catch.hpp"

using namespace recllm;

TEST_CASE("titles are made even") {
  CHECK(tidy_title("Usual Suspects, The") == "The Usual Suspects");
  CHECK(tidy_title("Postino, Il") == "Il Postino");
  CHECK(tidy_title("Avventura, L'") == "L'Avventura");
  CHECK(tidy_title("  Toy\t\tStory\n") == "Toy Story");
  CHECK(tidy_title("Cook, Thief, Lover") == "Cook, Thief, Lover");
  CHECK(tidy_title("Mis\xC3\xA9rables, Les") == "Les Mis\xC3\xA9rables");
  CHECK(tidy_title(", The") == ", The");
  CHECK(tidy_title("The") == "The");
  CHECK(tidy_title("").empty());
  CHECK(tidy_title(" \n").empty());
}

TEST_CASE("a title's key has neither case, punctuation, article nor year") {
  const auto words = [](const char* title) { return detail::key_of_title(title).words; };
  CHECK(words("Usual Suspects, The (1995)") == "usual suspects");
  CHECK(words("\u201cThe Usual Suspects\u201d") == "usual suspects");
  CHECK(words("**Schindler\u2019s List** [1993].") == "schindlers list");
  CHECK(words("Lock, Stock & Two Smoking Barrels") == "lock stock and two smoking barrels");
  CHECK(words("Tom\u00a0&\u3000Huck") == "tom and huck");
  CHECK(words("L'Avventura (1960)") == "lavventura");
  CHECK(words("Am\u00e9lie") == "am\u00e9lie");
  CHECK(words("The") == "the");
  CHECK(words("A") == "a");
  CHECK(words("The A") == "a");
  CHECK(words("...").empty());
  CHECK(words("").empty());
  CHECK(words("\xff\xc3") == "\xff\xc3");
  CHECK(detail::key_of_title("Heat (1995)").year == "1995");
  CHECK(detail::key_of_title("Heat [1995].").year == "1995");
  CHECK(detail::key_of_title("Heat (1595)").year.empty());
  CHECK(detail::key_of_title("Heat 1995").year.empty());
  CHECK(detail::key_of_title("(1995)").words.empty());
  CHECK(detail::key_of_title("1917 (2019)").words == "1917");
  CHECK(detail::key_of_title("Rocky II: 2 Fast, Se7en times").numbers == "ii 2 se7en ");
}
