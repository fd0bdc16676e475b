// The form of a completion.
#include <string>
#include <string_view>
#include <vector>

#include <recllm/reward.hpp>

#include "reward/journal.hpp"
#include "support/catch.hpp"

using namespace recllm;

namespace {

struct written {
  std::string text;
};
struct parsed {
  std::string text;
  bool well_formed;
};
struct read_answer {
  std::vector<int> items{};
  std::vector<std::string> rejected{};
};

}  // namespace

static_assert(reward::thinks_then_answers("<think>a</think><answer>b</answer>"));

TEST_CASE("reasoning and then the answer, once each") {
  for (const std::string_view good :
       {"<think>a</think><answer>b</answer>", " \n<think>likes\nwar</think>\r\n\t<answer>1, 2</answer>\n",
        "<think></think><answer></answer>", "<think>a < b</think><answer>1 > 0 <b></answer>"}) {
    INFO(good);
    CHECK(reward::thinks_then_answers(good));
  }
  for (const std::string_view bad : {"",
                                     "   ",
                                     "<think>a</think>",
                                     "<answer>b</answer>",
                                     "<answer>b</answer><think>a</think>",
                                     "x<think>a</think><answer>b</answer>",
                                     "<think>a</think>x<answer>b</answer>",
                                     "<think>a</think><answer>b</answer>x",
                                     "<think>a</think><answer>b",
                                     "<think>a<answer>b</answer></think>",
                                     "<think>a<answer>b</answer>",
                                     "<think>a</think></answer>",
                                     "<think><think>a</think><answer>b</answer>",
                                     "<think>a</think></think><answer>b</answer>",
                                     "<think>a</think><answer>b</answer><answer>c</answer>",
                                     "<think>a</think><answer><answer>b</answer>",
                                     "<think>a</think><answer>b</answer></answer>",
                                     "<think>a</think><answer>b</think></answer>",
                                     "<think>a<answer></think><answer>b</answer>",
                                     "<THINK>a</THINK><answer>b</answer>"}) {
    INFO(bad);
    CHECK_FALSE(reward::thinks_then_answers(bad));
  }
}

TEST_CASE("format reads the parser's word, the text, or the completion itself") {
  const std::string good = "<think>a</think><answer>b</answer>";
  CHECK(reward::evaluate(reward::format(), 0, written{good}) == 1.0);
  CHECK(reward::evaluate(reward::format(), 0, written{"b"}) == 0.0);
  CHECK(reward::evaluate(reward::format(), 0, parsed{good, false}) == 0.0);
  CHECK(reward::evaluate(reward::format(), 0, parsed{"", true}) == 1.0);
  CHECK(reward::evaluate(reward::format(), 0, good) == 1.0);
  CHECK(reward::evaluate(reward::format(), 0, std::string_view("b")) == 0.0);
  CHECK(reported(when(reward::format(), 1.0), 0, good) == entries{{"format", 1.0}});
  static_assert(reward::evaluate(when(reward::format(), 1).otherwise(-1), 0, std::string_view("none")) ==
                -1.0);
}

TEST_CASE("parsable: items, and nothing rejected") {
  const auto value = [](const read_answer& answer) {
    return reward::evaluate(reward::parsable(), 0, answer);
  };
  CHECK(value({{1, 2}}) == 1.0);
  CHECK(value({{1, 2}, {"no such item"}}) == 0.0);
  CHECK(value({}) == 0.0);
  CHECK(reported(reward::parsable(), 0, read_answer{{1}}) == entries{{"parsable", 1.0}});
}
