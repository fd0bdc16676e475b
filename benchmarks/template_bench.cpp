// Prompt templates: a text taken apart, a recommender's prompt filled in, a chat told as a model wants it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <recllm/prompt.hpp>

using namespace recllm;

namespace {

constexpr fixed_text question =
    "{?age}The user is {age} years old.\n{/age}The user likes {topics}.\n"
    "{#history}\n{@rank}. {.title} ({.year}): {.rating} of 5\n{/history}\n"
    "Recommend {count} of these films:\n"
    "{#candidates}\n[{@index}] {.title} ({.year})\n{/candidates}\n"
    "Answer with their numbers.\n";

constexpr prompt_template<question> compiled;
const runtime_template read{std::string(question.view())};

struct film {
  std::string title;
  int year;
  double rating;
};

std::vector<film> films(std::size_t count) {
  std::vector<film> list;
  for (std::size_t i = 0; i < count; ++i)
    list.push_back({"The Film of Number " + std::to_string(i * 7919 % 10'000),
                    1950 + static_cast<int>(i) % 70, 0.5 * static_cast<double>(1 + i % 10)});
  return list;
}

/// A profile, 50 films of a history and 100 candidates, filled into `ask`.
template <class Template>
std::string prompt_of(const Template& ask) {
  static const std::vector<film> history = films(50), candidates = films(100);
  static const std::vector<std::string> topics{"drama", "comedy", "science fiction"};
  return ask("age"_a = 34, "topics"_a = topics, "count"_a = 10,
             "history"_a =
                 each(history, "title"_a = &film::title, "year"_a = &film::year, "rating"_a = &film::rating),
             "candidates"_a = each(candidates, "title"_a = &film::title, "year"_a = &film::year));
}

/// `write`'s text, whose characters are counted.
template <class Write>
void texts(benchmark::State& state, Write write) {
  std::size_t characters = 0;
  for (auto _ : state) {
    const std::string text = write();
    benchmark::DoNotOptimize(text.data());
    characters += text.size();
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(characters));
}

/// What runtime_template does once; prompt_template leaves it to the compiler.
void parse(benchmark::State& state) {
  const std::string text(question.view());
  for (auto _ : state) benchmark::DoNotOptimize(runtime_template(text));
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(parse);

void prompt_compiled(benchmark::State& state) {
  texts(state, [] { return prompt_of(compiled); });
}
BENCHMARK(prompt_compiled);

void prompt_read(benchmark::State& state) {
  texts(state, [] { return prompt_of(read); });
}
BENCHMARK(prompt_read);

/// A system message and the prompt, in a model's format.
void chat(benchmark::State& state, const chat_format& format) {
  const std::vector<chat_message> turn{{"system", "You recommend films."}, {"user", prompt_of(compiled)}};
  texts(state, [&] { return format.render(turn); });
}
BENCHMARK_CAPTURE(chat, chatml, chatml);
BENCHMARK_CAPTURE(chat, llama3, llama3);

}  // namespace
