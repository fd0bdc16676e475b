// The report is one file, says all that the spec says, and gets by without gnuplot.
#include <recllm/train/report.hpp>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

bool has_gnuplot() {
  const bool there = std::system("gnuplot --version > /dev/null 2>&1") == 0;
  if (!there) WARN("skipped: gnuplot is not there");
  return there;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++found;
  return found;
}

struct fixture {
  temporary_folder folder;
  std::filesystem::path path = folder.path / "report.html";
  report_spec spec{.title = "T", .metrics = folder.path / "metrics.jsonl"};

  fixture() {
    std::ofstream log(spec.metrics);
    for (int i = 0; i < 60; ++i)
      log << R"({"phase":"sft","step":)" << i << R"(,"loss":)" << 3.0 / (1 + i) << "}\n";
    for (int i = 0; i < 60; ++i)
      log << R"({"phase":"grpo","step":)" << i << R"(,"loss":0.0,"reward":)" << 0.01 * i << R"(,"kl":"nan"})"
          << '\n';
    log << R"({"phase":"test","ndcg@10":0.1})" << '\n' << R"({"phase":"grpo","st)";
  }
  std::string written(const std::string& problem = "") {
    CHECK(write_report(path, spec) == problem);
    return read_file(path);
  }
};

}  // namespace

TEST_CASE("all texts are there, escaped, and nothing is fetched from elsewhere") {
  fixture f;
  f.spec = {.title = "Title <script>alert(1)</script>",
            .subtitle = "Sub & more",
            .numbers = {{.value = "0.12", .label = "NDCG@10", .note = "test"}},
            .intro = {"First {{title}} paragraph", "Second"},
            .sections = {{.title = "Results",
                          .paragraphs = {"A < B"},
                          .tables = {{.title = "Models",
                                      .caption = "mean",
                                      .header = {"Model", "NDCG@10"},
                                      .rows = {{"SFT", "0.1"}, {"\"GRPO\"", "0.2"}}}},
                          .cards = {{.title = "User 7",
                                     .caption = "one hit",
                                     .blocks = {{.title = "Prompt", .lines = {{"<think>"}}, .folded = true},
                                                {.title = "List", .lines = {{"Fargo", true}, {"Heat"}}}}}}}},
            .footer = "the end"};
  const std::string html = f.written();
  for (const char* text :
       {"Title &lt;script&gt;alert(1)&lt;/script&gt;", "Sub &amp; more", "0.12", "First {{title}} paragraph",
        "Second", "A &lt; B", "<td>&quot;GRPO&quot;</td><td class=\"n\">0.2</td>", "mean", "User 7",
        "one hit", "<summary>Prompt</summary><pre><span>&lt;think&gt;</span>",
        "<span class=\"hit\">Fargo</span><span>Heat</span>", "<footer>the end</footer>"})
    CHECK_THAT(html, Contains(text));
  for (const char* elsewhere : {"<script", "<link", "src=", "@import", "url(", "href=", "http"})
    CHECK_THAT(html, !Contains(elsewhere));
  CHECK_THAT(html, !Contains("class=\"missing\""));
}

TEST_CASE("an empty report is a page all the same") {
  fixture f;
  f.spec = {};
  const std::string html = f.written();
  CHECK_THAT(html,
             Contains("<h1></h1>") && Contains("</html>") && !Contains("<section>") && !Contains("<footer>"));
}

TEST_CASE("a section without a caption does not borrow another's") {
  fixture f;
  f.spec.sections = {
      {.cards = {{.title = "outer", .caption = "outer caption", .blocks = {{.lines = {{"x"}}}}}}}};
  const std::string html = f.written();
  CHECK(count(html, "outer caption") == 1);
  CHECK_THAT(html, Contains("<h4></h4>"));
}

TEST_CASE("tables: numbers to the right, the best in bold, ties too") {
  fixture f;
  f.spec.sections = {{.tables = {{.header = {"Model", "A", "B", "Note"},
                                  .rows = {{"1 first", "0.5", "-", "x"},
                                           {"2 second", "0.7 ± 0.1", "3%", "9"},
                                           {"3", "0.70", "2%", ""}},
                                  .bold_best = true}}}};
  const std::string html = f.written();
  CHECK_THAT(html, Contains("<b>0.7 ± 0.1</b>") && Contains("<b>0.70</b>") && Contains("<b>3%</b>") &&
                       !Contains("<b>0.5</b>"));
  CHECK_THAT(html, Contains("<td>x</td>") && Contains("<td>9</td>") && !Contains("<b>3</b>"));
  f.spec.sections[0].tables[0].rows = {};
  CHECK_THAT(f.written(), Contains("<th>Model</th>"));
  f.spec.sections[0].tables[0].title = "Short";
  f.spec.sections[0].tables[0].rows = {{"a", "1"}};
  CHECK_THROWS_WITH(write_report(f.path, f.spec),
                    "recllm: write_report: table \"Short\": expected rows of 4 cells like "
                    "the header, got one of 2");
}

TEST_CASE("curves of the log become inline SVG") {
  if (!has_gnuplot()) return;
  fixture f;
  f.spec.sections = {
      {.plots = {{.title = "Loss & more",
                  .caption = "nats",
                  .curves = {{.key = "loss", .label = "sft <loss>", .phase = "sft"}},
                  .smooth = 5},
                 {.title = "Reward", .curves = {{.key = "reward"}, {.key = "kl"}, {.key = "nothing"}}}}}};
  const std::string html = f.written();
  CHECK(count(html, "<svg") == 2);
  CHECK(count(html, "</svg>") == 2);
  CHECK_THAT(html, Contains("<svg role=\"img\" aria-label=\"Loss &amp; more\""));
  CHECK_THAT(html, Contains("<title>sft &lt;loss&gt;</title>") &&
                       Contains("<title>sft &lt;loss&gt;, single steps</title>"));
  CHECK_THAT(html, Contains("background:#0072B2\"></i>sft &lt;loss&gt;") && Contains("></i>reward<"));
  CHECK_THAT(html, Contains("No values in the log: kl, nothing"));
  CHECK_THAT(html, !Contains("<?xml") && !Contains("<!DOCTYPE svg"));
  for (const char* elsewhere : {"<script", "<link", "src=", "@import", "url("})
    CHECK_THAT(html, !Contains(elsewhere));
  CHECK(count(html, "http") == count(html, "http://www.w3.org/"));  // names of SVG, nothing to fetch
  for (const std::string id : {"id=\"plot1_plot_1\"", "id='plot1gpDot'", "id='plot2gpDot'"})
    CHECK(count(html, id) == 1);
}

TEST_CASE("bars with error bars; a missing value is left out") {
  if (!has_gnuplot()) return;
  fixture f;
  report_bars chart{.title = "Models",
                    .groups = {"NDCG@10", "it's \"new\""},
                    .bars = {{.label = "SFT", .values = {0.1, 0.25}},
                             {.label = "GRPO", .values = {0.2, std::nan("")}, .errors = {0.01, 0.0}}}};
  f.spec.sections = {{.bars = {chart}}};
  const std::string html = f.written();
  CHECK_THAT(html, Contains(">0.100<") && Contains(">0.250<") && Contains(">0.200<") && !Contains("nan"));
  CHECK_THAT(
      html, Contains("it's \"new\"</text>") && Contains("<title>GRPO</title>") && Contains("class=\"wide\""));
  f.spec.sections[0].bars[0].bars[1].errors = {0.01};
  CHECK_THROWS_WITH(write_report(f.path, f.spec),
                    "recllm: write_report: bars \"Models\", \"GRPO\": expected 2 values and as "
                    "many errors or none, got 2 and 1");
  f.spec.sections[0].bars = {{.title = "Empty", .groups = {"a"}, .bars = {{.values = {std::nan("")}}}}};
  CHECK_THAT(f.written(), Contains("There are no values to draw."));
}

TEST_CASE("flat curves, one value and negative values can be drawn") {
  if (!has_gnuplot()) return;
  fixture f;
  std::ofstream(f.spec.metrics) << R"({"step":3,"one":2.5,"flat":0,"minus":-1})" << '\n'
                                << R"({"step":4,"flat":0,"minus":-2})" << '\n';
  f.spec.sections = {{.bars = {{.groups = {"a"}, .bars = {{.values = {0.0}}}},
                               {.groups = {"b"}, .bars = {{.values = {-3.0}}}}},
                      .plots = {{.curves = {{.key = "one"}}, .smooth = 9},
                                {.curves = {{.key = "flat"}}},
                                {.curves = {{.key = "minus"}}}}}};
  CHECK(count(f.written(), "</svg>") == 5);
}

TEST_CASE("text for gnuplot is text, never a command") {
  if (!has_gnuplot()) return;
  fixture f;
  const std::string made = (f.folder.path / "made").string();
  for (const std::string& text : std::vector<std::string>{
           "`touch " + made + "`", "'; system('touch " + made + "'); '", "\"; !touch " + made + "\nset x",
           "x'\n!touch " + made + "\n", "\\", "\\\"", "@x $x %s %n 100%", "''", ""}) {
    f.spec.sections = {
        {.bars = {{.y_label = text, .groups = {text}, .bars = {{.label = text, .values = {1.0}}}}},
         .plots = {{.title = text, .y_label = text, .curves = {{.key = "loss", .label = text}}}}}};
    CHECK(count(f.written(), "</svg>") == 2);
    CHECK_FALSE(std::filesystem::exists(made));
  }
}

TEST_CASE("without gnuplot the report is written, says so, and keeps its tables") {
  fixture f;
  f.spec.gnuplot = "/no/such/it's gnuplot";
  f.spec.sections = {{.tables = {{.header = {"Model"}, .rows = {{"kept"}}}},
                      .plots = {{.title = "Loss", .caption = "c", .curves = {{.key = "loss"}}}}}};
  const std::string problem = write_report(f.path, f.spec);
  CHECK(problem ==
        "recllm: write_report: the program '/no/such/it's gnuplot' was not found or cannot be run, so this "
        "report has its "
        "tables and texts but no plots; install gnuplot (Debian: apt-get install gnuplot-nox) and write it "
        "again");
  const std::string html = read_file(f.path);
  CHECK_THAT(html, Contains("<td>kept</td>") && Contains("no plots; install gnuplot") &&
                       Contains("This plot could not be drawn."));
  CHECK_THAT(html, !Contains("<svg"));
  f.spec.gnuplot = "false";
  CHECK_THAT(write_report(f.path, f.spec),
             Contains("gnuplot failed on the plot \"Loss\" with status 1: it gave no reason"));
}

TEST_CASE("errors of files name the file") {
  fixture f;
  f.spec.sections = {{.plots = {{.curves = {{.key = "loss"}}}}}};
  f.spec.metrics = f.folder.path / "absent.jsonl";
  CHECK_THROWS_WITH(write_report(f.path, f.spec), Contains("cannot read the metrics file") &&
                                                      Contains("absent.jsonl") && Contains("No such file"));
  CHECK_FALSE(std::filesystem::exists(f.path));
  std::ofstream(f.spec.metrics) << "{\"step\":0,\"loss\":1}\n\noops\n{}\n";
  CHECK_THROWS_WITH(write_report(f.path, f.spec),
                    Contains("absent.jsonl:3: expected a JSON object, got \"oops\""));
  f.spec.sections = {};
  CHECK_THROWS_WITH(write_report(f.folder.path / "no" / "r.html", f.spec),
                    Contains("cannot write") && Contains("no/r.html"));
}
