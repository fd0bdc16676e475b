// How MovieLens becomes language: a user's past as a prompt, the films liked next as the answer to learn.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/data.hpp>
#include <recllm/prompt.hpp>
#include <recllm/text/history.hpp>
#include <recllm/text/tokenizer.hpp>
#include <recllm/train/fit.hpp>

namespace movielens {

using namespace recllm;

/// What the policy reads, and what rewards compare its answer with.
struct movie_prompt {
  std::vector<std::int64_t> tokens;
  std::vector<std::size_t> next_items;  ///< label: what the user goes on to like
  std::vector<std::size_t> seen;        ///< everything rated before
  std::vector<std::size_t> pool;        ///< what may be recommended
  std::vector<std::string> topics;      ///< genres of the films seen last
};

/// What the policy says: reasons (genres), then films.
struct movie_answer {
  std::vector<std::int64_t> tokens;
  std::vector<float> loss_mask = {};  ///< for learning from a given answer: which tokens count; empty = all
  std::vector<std::size_t> items;
  std::vector<std::string> reasons = {};  ///< genres it says it sees in the history
  bool well_formed = false;
};

constexpr std::size_t list_length = 10;   ///< films to recommend
constexpr std::size_t pool_size = 20;     ///< candidates, where a prompt names them
constexpr std::size_t recent_films = 40;  ///< short-term history: by id and engagement ...
constexpr std::size_t told_in_full = 5;   ///< ... the last of them with title, year and genres

constexpr prompt_template<"{profile} . often {long_term} . lately {short_term} . recommend {count} of {pool}">
    question;

/// The columns of the simulated feed's files.
inline const recbole_settings feed_columns{.name = "feed",
                                           .rating = "value",
                                           .action = "action",
                                           .title = "title",
                                           .year = "",
                                           .topics = "tags",
                                           .description = "description",
                                           .item_attributes = {"likes", "comments", "shares"},
                                           .attributes = {"age", "gender", "city_tier"}};

/// The size of the simulated feed: few posts, so that each is met often enough to be learned.
inline feed_settings feed_size(std::uint64_t seed) { return {.users = 800, .posts = 400, .seed = seed}; }

/// What the command line says.
struct run_options {
  std::filesystem::path data, output = "results/movielens";
  std::uint64_t seed = 1;
  std::string device;  // "" = CUDA where there is one
  bool simulated = false, quick = false, resume = false, unconstrained = false;
  std::ptrdiff_t sft_steps = 1000, grpo_steps = 60;
  std::size_t group_size = 12;
  double learning_rate = 1e-4, kl_coef = 0.04;
  std::optional<double> clip;
  double diversity = 0.0, novelty = 0.0;
};

/// What storyteller::material() makes of histories.
struct training_material {
  std::vector<example<movie_prompt, movie_answer>> lessons;  ///< for SFT
  std::vector<movie_prompt> practice;                        ///< for GRPO
  std::vector<movie_prompt> strangers;                       ///< of users never trained on
};

/// Tells users' pasts; owns the vocabulary: the words of the templates, attributes and titles, and a word an
/// item.
class storyteller {
 public:
  explicit storyteller(const dataset& data) : data_(data), tokenizer_(make_tokenizer(data)) {
    for (std::size_t i = 0; i < data.items.size(); ++i) {
      catalogue_.push_back(i);
      item_tokens_.push_back(tokenizer_.token_to_id(item_word(data.items[i])).value());
      items_by_word_.emplace(item_word(data.items[i]), i);
      items_by_token_.emplace(item_tokens_.back(), i);
    }
  }

  [[nodiscard]] const word_level_tokenizer& tokenizer() const { return tokenizer_; }

  /// The token of each item.
  [[nodiscard]] const std::vector<std::int64_t>& item_tokens() const { return item_tokens_; }

  /// Every item.
  [[nodiscard]] const std::vector<std::size_t>& catalogue() const { return catalogue_; }

  /// The prompt that asks what comes after `history`, as chat text. An empty pool is the whole catalogue.
  [[nodiscard]] std::string text(std::size_t user, std::span<const event> history,
                                 std::span<const std::size_t> pool) const {
    std::string habits, films, candidates = pool.empty() ? "everything" : "";
    std::vector<topic_summary> topics = long_term(history, data_.items, strong_engagement{});
    topics.resize(std::min<std::size_t>(topics.size(), 5));
    for (const topic_summary& t : topics)
      habits += t.topic + " " + rounded(t.watched) + " liked " + rounded(t.liked) + " ";
    const std::span<const event> recent = short_term(history, recent_films);
    for (std::size_t i = 0; i < recent.size(); ++i) {
      const item& film = data_.items[recent[i].item];
      films += item_word(film) + " ";
      if (i + told_in_full >= recent.size()) films += details(film);
      films += engagement_word(recent[i]) + " ";
    }
    for (const std::size_t i : pool) candidates += item_word(data_.items[i]) + " ";
    return chatml.render(
        {{"system", "you recommend films"},
         {"user", question("profile"_a = profile(data_.users[user]), "long_term"_a = habits,
                           "short_term"_a = films, "count"_a = list_length, "pool"_a = candidates)}});
  }

  /// The prompt and its label, which is drawn from `future` (empty: none known).
  [[nodiscard]] movie_prompt prompt(std::size_t user, std::span<const event> history,
                                    std::span<const event> future,
                                    std::span<const std::size_t> pool = {}) const {
    return {.tokens = encode(text(user, history, pool)),
            .next_items = next_strong_items(future, list_length, strong_engagement{}),
            .seen = item_sequence(history),
            .pool = pool.empty() ? catalogue_ : std::vector(pool.begin(), pool.end()),
            .topics = frequent_topics(item_sequence(short_term(history, recent_films)), 100)};
  }

  /// Candidates for a prompt: the label and random films that the user has not seen, pool_size in all,
  /// shuffled.
  [[nodiscard]] std::vector<std::size_t> draw_pool(std::span<const std::size_t> label,
                                                   std::span<const event> history, random_stream rng) const {
    std::set<std::size_t> taken;
    for (const event& e : history) taken.insert(e.item);
    std::vector<std::size_t> pool(label.begin(), label.end());
    taken.insert(pool.begin(), pool.end());
    while (pool.size() < pool_size && taken.size() < catalogue_.size())
      if (const std::size_t i = rng.below(catalogue_.size()); taken.insert(i).second) pool.push_back(i);
    std::vector<std::size_t> shuffled;
    for (const std::size_t place : rng.permutation(pool.size())) shuffled.push_back(pool[place]);
    return shuffled;
  }

  /// What is learned from: lessons and practice prompts of the training part of every history, but for one
  /// user in ten, whose prompts are kept apart.
  [[nodiscard]] training_material material(const data_split& split, random_stream rng) const {
    training_material all;
    for (std::size_t user = 0; user < data_.users.size(); ++user) {
      random_stream draw = rng.split(user);
      const std::span<const event> events(data_.histories[user].data(), split.train_end[user]);
      const auto ask = [&](std::size_t cut, bool with_pool) {
        const std::span<const event> past = events.first(cut), future = events.subspan(cut);
        const auto pool = with_pool ? draw_pool(next_strong_items(future, list_length, strong_engagement{}),
                                                past, draw.split(cut))
                                    : std::vector<std::size_t>{};
        return prompt(user, past, future, pool);
      };
      if (events.size() < 10) continue;
      if (user % 10 == 9) {
        for (const bool with_pool : {false, true})
          all.strangers.push_back(ask(events.size() * 2 / 3, with_pool));
        continue;
      }
      for (std::size_t i = 0; i < events.size() / 3; ++i) {
        movie_prompt asked = ask(4 + draw.below(events.size() - 4), draw.uniform() < 0.5);
        if (!asked.next_items.empty()) all.lessons.push_back(lesson(asked));
      }
      for (std::size_t i = 0; i < 4; ++i) {  // late in the history, where the test will ask
        movie_prompt asked =
            ask(events.size() - 1 - draw.below(std::min<std::size_t>(20, events.size() - 4)), i % 2 == 0);
        if (!asked.next_items.empty()) all.practice.push_back(std::move(asked));
      }
    }
    require(!all.strangers.empty() && !all.lessons.empty() && !all.practice.empty(),
            "movielens: too little data: ", all.lessons.size(), " lessons, ", all.practice.size(),
            " prompts for GRPO, ", all.strangers.size(), " held-out prompts; expected ten users or more");
    return all;
  }

  /// What SFT learns from: every film of the history is predicted from what precedes it, then the ideal
  /// answer.
  [[nodiscard]] example<movie_prompt, movie_answer> lesson(const movie_prompt& asked) const {
    movie_answer rest = ideal_answer(asked);
    std::vector<std::int64_t> tokens(asked.tokens.begin() + 1, asked.tokens.end());
    for (const std::int64_t token : tokens) rest.loss_mask.push_back(is_seen(asked, token) ? 1.0f : 0.0f);
    rest.loss_mask.resize(tokens.size() + rest.tokens.size(), 1.0f);
    tokens.insert(tokens.end(), rest.tokens.begin(), rest.tokens.end());
    rest.tokens = std::move(tokens);
    movie_prompt start = asked;
    start.tokens = {asked.tokens.front()};
    return {std::move(start), std::move(rest)};
  }

  /// The answer to learn: the genres of the recent past and of the label, then the label.
  [[nodiscard]] movie_answer ideal_answer(const movie_prompt& prompt) const {
    std::string text = "<think> sees";
    for (const std::string& topic :
         std::span(prompt.topics).first(std::min<std::size_t>(prompt.topics.size(), 2)))
      text += " " + topic;
    text += " offers";
    for (const std::string& topic : frequent_topics(prompt.next_items, 2)) text += " " + topic;
    text += " </think> <answer>";
    for (const std::size_t i : prompt.next_items) text += " " + item_word(data_.items[i]);
    return answer(encode(text + " </answer> <|im_end|>"));
  }

  /// What sampled tokens say.
  [[nodiscard]] movie_answer answer(std::vector<std::int64_t> tokens) const {
    const parsed_answer parsed = parse_answer(chatml.reply(decode(tokens)), items_by_word_);
    movie_answer said{.tokens = std::move(tokens),
                      .items = parsed.items,
                      .well_formed = parsed.well_formed && parsed.rejected.empty()};
    std::istringstream words(parsed.reasoning);
    for (std::string word; words >> word && word != "offers";)
      if (word != "sees") said.reasons.push_back(word);
    return said;
  }

  /// What may be said next: in the list, ten films of the pool that are neither seen nor listed yet, then its
  /// end; elsewhere anything (empty).
  [[nodiscard]] std::vector<std::int64_t> allowed(const movie_prompt& asked,
                                                  std::span<const std::int64_t> so_far) const {
    const auto list = std::ranges::find(so_far, token("<answer>"));
    if (list == so_far.end() || std::ranges::find(so_far, token("</answer>")) != so_far.end()) return {};
    const std::span<const std::int64_t> said(list + 1, so_far.end());
    std::vector<std::int64_t> films;
    if (said.size() < list_length) {
      std::vector<bool> taken(catalogue_.size(), false);
      for (const std::size_t film : asked.seen) taken[film] = true;
      for (const std::int64_t film : said) taken[items_by_token_.at(film)] = true;
      for (const std::size_t film : asked.pool)
        if (!taken[film]) films.push_back(item_tokens_[film]);
    }
    return films.empty() ? std::vector{token("</answer>")} : films;
  }

  [[nodiscard]] std::vector<std::int64_t> encode(const std::string& text) const {
    const auto ids = tokenizer_.encode(text);
    return {ids.begin(), ids.end()};
  }

  [[nodiscard]] std::string decode(std::span<const std::int64_t> tokens) const {
    return tokenizer_.decode(std::vector<int>(tokens.begin(), tokens.end()));
  }

  [[nodiscard]] std::int64_t token(const std::string& word) const {
    return tokenizer_.token_to_id(word).value();
  }

 private:
  /// Whether the token is a film of the history (candidates are films not seen).
  [[nodiscard]] bool is_seen(const movie_prompt& asked, std::int64_t token) const {
    const auto found = items_by_token_.find(token);
    return found != items_by_token_.end() && std::ranges::find(asked.seen, found->second) != asked.seen.end();
  }

  static std::string item_word(const item& film) { return "item_" + film.id; }

  /// The user's attributes in their order, an age as its band.
  static std::string profile(const user& who) {
    std::string text;
    for (const auto& [name, value] : who.attributes)
      text += (text.empty() ? "" : " ") + (name == "age" ? age_band(value) : value);
    return text;
  }

  static std::string details(const item& film) {
    std::string text = tidy_title(film.title) + " " + film.year + " ";
    for (const std::string& topic : film.topics) text += topic + " ";
    return text;
  }

  /// A count to one leading digit: 0, 1, ..., 9, 10, 20, ..., 90, 100, 200, ... so that few words tell all
  /// counts.
  static std::string rounded(std::size_t count) {
    std::size_t unit = 1;
    while (count / unit >= 10) unit *= 10;
    return std::to_string(count / unit * unit);
  }

  /// The genres of the items, most frequent first, ties by name; at most `count`.
  [[nodiscard]] std::vector<std::string> frequent_topics(std::span<const std::size_t> items,
                                                         std::size_t count) const {
    std::vector<event> events;
    for (const std::size_t i : items) events.push_back({0, i, 0, 0});
    std::vector<std::string> names;
    for (const topic_summary& t : long_term(events, data_.items))
      if (names.size() < count) names.push_back(t.topic);
    return names;
  }

  static word_level_tokenizer make_tokenizer(const dataset& data) {
    std::vector<std::string> words;
    std::set<std::string> known;
    const auto add = [&](const std::string& text) {
      std::istringstream in(text);
      for (std::string word; in >> word;)
        if (known.insert(word).second) words.push_back(word);
    };
    for (const item& film : data.items) add(item_word(film));
    for (const item& film : data.items) add(details(film));
    for (const user& who : data.users) add(profile(who));
    for (const double rating : {1.0, 2.0, 3.0, 4.0, 5.0}) add(engagement_word(rating));
    for (const auto& history : data.histories)
      for (const event& e : history)
        if (e.action != engagement::rating) add(engagement_word(e));
    for (std::size_t unit = 1; unit <= 10000; unit *= 10)
      for (std::size_t digit = 0; digit < 10; ++digit) add(rounded(digit * unit));
    add(question("profile"_a = "", "long_term"_a = "", "short_term"_a = "", "count"_a = list_length,
                 "pool"_a = "everything"));
    add("system user assistant you recommend films liked sees offers");
    return word_level_tokenizer::build(
        words,
        {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<answer>", "</answer>"},
        "<unk>");
  }

  const dataset& data_;
  word_level_tokenizer tokenizer_;
  std::vector<std::size_t> catalogue_;
  std::vector<std::int64_t> item_tokens_;
  std::unordered_map<std::string, std::size_t> items_by_word_;
  std::unordered_map<std::int64_t, std::size_t> items_by_token_;
};

}  // namespace movielens
