// Talks with a pretrained language model: a Hugging Face folder or a .gguf file (Qwen2, Qwen3, Llama,
// SmolLM2, DeepSeek-R1-Distill-Qwen). With --prompt it answers once; without, it reads a line a turn.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <recllm/model/gguf_pretrained_tokenizer.hpp>
#include <recllm/text/chat.hpp>
#include <recllm/text/stream_decoder.hpp>
#include <recllm/torch/device.hpp>
#include <recllm/torch/generate.hpp>

using namespace recllm;
namespace lm = recllm::torch_bridge;

int main(int argc, char** argv) try {
  std::filesystem::path path, save;
  std::string prompt, system, device;
  std::uint64_t seed = 1;
  lm::generation_options how{.max_new_tokens = 256, .temperature = 0.0, .end_tokens = {}};
  CLI::App app("Talks with a pretrained language model.");
  app.add_option("--model", path, "a Hugging Face folder or a .gguf file")->required();
  app.add_option("--prompt", prompt, "answers this and ends; without, each line of the input is a turn");
  app.add_option("--system", system, "what the model is told before everything");
  app.add_option("--device", device, "cpu, cuda or cuda:NUMBER; by default CUDA where there is one");
  app.add_option("--max-new-tokens", how.max_new_tokens, "of an answer")->capture_default_str();
  app.add_option("--temperature", how.temperature, "0 takes the likeliest token")->capture_default_str();
  app.add_option("--top-k", how.truncation.top_k, "draws from the likeliest tokens only")
      ->capture_default_str();
  app.add_option("--top-p", how.truncation.top_p, "draws from those that hold this mass")
      ->capture_default_str();
  app.add_option("--repetition-penalty", how.truncation.repetition_penalty, "1 is none")
      ->capture_default_str();
  app.add_option("--seed", seed, "of the draws")->capture_default_str();
  app.add_option("--save", save, "also writes model and tokenizer as a Hugging Face folder");
  CLI11_PARSE(app, argc, argv);

  const lm::qwen model(path, lm::pick_device(device));
  const pretrained_tokenizer tokenizer = load_tokenizer_of(path);
  if (!save.empty()) {
    model.save(save);
    tokenizer.save(save / "tokenizer.json");
  }

  const chat_format& chat = chat_format_of(tokenizer);
  how.end_tokens = model.config().eos_token_id;
  if (const auto end = tokenizer.token_to_id(chat.reply_end)) how.end_tokens.push_back(*end);

  std::vector<chat_message> said;
  if (!system.empty()) said.push_back({"system", system});
  const bool once = !prompt.empty();
  for (std::uint64_t turn = 0; once ? turn == 0 : static_cast<bool>(std::getline(std::cin, prompt)); ++turn) {
    said.push_back({"user", prompt});
    const std::vector<int> ids = tokenizer.encode(chat.render(said));
    stream_decoder words(tokenizer, /*skip_special=*/true);
    std::string reply;
    const auto show = [&](const std::string& text) {
      reply += text;
      std::cout << text << std::flush;
    };
    how.on_token = [&](std::size_t, std::int64_t token) { show(words.push(static_cast<int>(token))); };
    const std::vector<lm::token_ids> asked{{ids.begin(), ids.end()}};
    static_cast<void>(lm::generate(model, asked, 1, how, random_stream(seed).split(turn)));
    show(words.finish());
    std::cout << std::endl;
    said.push_back({"assistant", reply});
  }
  return 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
