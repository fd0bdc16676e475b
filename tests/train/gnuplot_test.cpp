// Text stays text on its way through gnuplot and the shell; failures are sentences.
#include <recllm/train/gnuplot.hpp>

#include <cstdlib>
#include <string>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

TEST_CASE("a string constant holds letters, digits and octal codes only") {
  CHECK(detail::gnuplot_text("ndcg 10") == R"("ndcg\004010")");
  CHECK(detail::gnuplot_text("a'b\"`\\@$%") == R"("a\0047b\0042\0140\0134\0100\0044\0045")");
  CHECK(detail::gnuplot_text("two\nlines é") == "\"two lines\\0040é\"");
  CHECK(detail::gnuplot_text("") == R"("")");
}

TEST_CASE("shell text survives the shell") {
  const temporary_folder folder;
  const std::string text = "it's $HOME `id` \"x\" \\ !";
  const auto path = folder.path / "out";
  REQUIRE(std::system(("printf %s " + detail::shell_text(text) + " > " + detail::shell_text(path.string()))
                          .c_str()) == 0);
  CHECK(read_file(path) == text);
}

TEST_CASE("data: a step that goes back and a NaN begin a new piece") {
  std::ostringstream script;
  detail::gnuplot_data(script, "d", {{0, 1}, {1, 2}, {2, std::nan("")}, {3, 4}, {0, 5}});
  CHECK(script.str() == "$d << EOD\n0 1\n1 2\n\n3 4\n\n0 5\nEOD\n");
  std::ostringstream front;
  detail::gnuplot_data(front, "f", {{3, 4}, {0, 5}}, true);
  CHECK(front.str() == "$f << EOD\n3 4\n0 5\nEOD\n");
}

TEST_CASE("a program that is not there or fails") {
  std::string svg;
  CHECK_THAT(
      detail::draw_svg("/no/such/gnuplot", {"p", "T", "plot x", {}}, svg),
      Contains("the program '/no/such/gnuplot' was not found") && Contains("apt-get install gnuplot-nox"));
  CHECK_THAT(detail::draw_svg("false", {"p", "T", "plot x", {}}, svg),
             Contains("gnuplot failed on the plot \"T\" with status 1"));
  CHECK_THAT(detail::draw_svg("true", {"p", "T", "plot x", {}}, svg),
             Contains("gnuplot failed on the plot \"T\" with status 0"));
  CHECK(svg.empty());
}
