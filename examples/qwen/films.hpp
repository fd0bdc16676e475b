// How MovieLens becomes a conversation: a user's past and a pool of films as the question, reasons and a
// ranked list of titles as the answer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/data.hpp>
#include <recllm/prompt.hpp>
#include <recllm/text/pretrained_tokenizer.hpp>
#include <recllm/text/user_text.hpp>
#include <recllm/train/fit.hpp>

namespace films {

using namespace recllm;

/// What the model reads, and what rewards compare its answer with.
struct film_prompt {
  std::vector<std::int64_t> tokens;
  std::vector<std::size_t> next_items;  ///< label: the films that the user goes on to like
  std::vector<std::size_t> pool;        ///< the candidates: the label and films that the user never rated
  std::vector<std::string> topics;      ///< genres that the prompt names, those of the last films first
};

/// What the model says.
struct film_answer {
  std::vector<std::int64_t> tokens;
  std::vector<std::size_t> items;    ///< the films of the list
  std::vector<std::string> reasons;  ///< genres that its reasoning names
  bool well_formed = false;          ///< one think block, one answer block, its lines list_length films
};

constexpr std::size_t list_length = 3;   ///< films to recommend
constexpr std::size_t pool_size = 8;     ///< candidates
constexpr std::size_t recent_films = 5;  ///< liked last, told with their genres
constexpr std::size_t genres_told = 2;   ///< of a film

constexpr prompt_template<
    "{profile} Favourite genres: {habits}.\n"
    "Liked lately, in this order:\n"
    "{#liked}\n"
    "- {.title} ({.genres})\n"
    "{/liked}\n"
    "Candidates:\n"
    "{#pool}\n"
    "- {.}\n"
    "{/pool}\n"
    "Which {count} candidates will the user like next? Answer in this form:\n"
    "<think>one sentence on the genres that the user likes</think>\n"
    "<answer>\n"
    "{count} titles, one a line, the best first\n"
    "</answer>">
    question;

/// What the storyteller makes of histories.
struct training_material {
  std::vector<example<film_prompt, film_answer>> lessons;  ///< for SFT
  std::vector<film_prompt> practice;                       ///< for GRPO
  std::vector<film_prompt> strangers;                      ///< one a user never trained on
};

/// Films of one title become one film, and a user rates a film once. (MovieLens has 18 films twice.)
inline dataset merged_by_title(dataset data) {
  std::unordered_map<std::string, std::size_t> first;
  for (std::size_t i = 0; i < data.items.size(); ++i) first.emplace(tidy_title(data.items[i].title), i);
  for (std::vector<event>& history : data.histories)
    for (event& e : history) e.item = first.at(tidy_title(data.items[e.item].title));
  return deduplicate(data);
}

/// Tells users' pasts and reads answers. Borrows the data, the tokenizer and the chat format.
class storyteller {
 public:
  storyteller(const dataset& data, const pretrained_tokenizer& tokenizer, const chat_format& chat)
      : data_(data), tokenizer_(tokenizer), chat_(chat) {
    for (const item& film : data.items) {
      titles_.push_back(tidy_title(film.title));
      genres_.insert(film.topics.begin(), film.topics.end());
    }
    by_title_ = title_pool(titles_);
  }

  [[nodiscard]] const std::string& title(std::size_t film) const { return titles_[film]; }

  /// The films of each user who is trained on.
  [[nodiscard]] std::vector<std::vector<std::size_t>> training_histories() const {
    std::vector<std::vector<std::size_t>> all;
    for (std::size_t user = 0; user < data_.users.size(); ++user)
      if (!is_stranger(user)) all.push_back(item_sequence(std::span<const event>(data_.histories[user])));
    return all;
  }

  /// `lessons` lessons and two practice prompts a user from nine users in ten, at random places of their
  /// histories; one question to each of the others, the same for every `rng`.
  [[nodiscard]] training_material material(std::size_t lessons, random_stream rng) const {
    training_material all;
    std::vector<film_prompt> to_learn;
    for (std::size_t user = 0; user < data_.users.size(); ++user) {
      const std::vector<std::size_t> places = cuts(user);
      if (places.empty()) continue;
      random_stream draw = rng.split(user);
      const auto ask = [&](random_stream pool) {
        return prompt(user, places[draw.below(places.size())], pool);
      };
      if (is_stranger(user)) {
        all.strangers.push_back(prompt(user, places[places.size() / 2], random_stream(user)));
        continue;
      }
      to_learn.push_back(ask(draw.split(0)));
      for (const std::uint64_t i : {1, 2}) all.practice.push_back(ask(draw.split(i)));
    }
    for (const std::size_t i : rng.permutation(to_learn.size()))
      if (all.lessons.size() < lessons) all.lessons.push_back(lesson(to_learn[i]));
    return all;
  }

  /// The places in a user's history where enough is liked before and after to ask: numbers of events that a
  /// prompt may show.
  [[nodiscard]] std::vector<std::size_t> cuts(std::size_t user) const {
    const std::vector<event>& events = data_.histories[user];
    std::vector<std::size_t> places;
    for (std::size_t cut = 0; cut < events.size(); ++cut) {
      const std::span<const event> all(events);
      if (item_sequence(all.first(cut), strong).size() >= recent_films &&
          next_strong_items(all.subspan(cut), list_length).size() == list_length)
        places.push_back(cut);
    }
    return places;
  }

  /// The question that shows the first `cut` events of a user; the rest is its label. `rng` draws the pool.
  [[nodiscard]] film_prompt prompt(std::size_t user, std::size_t cut, random_stream rng) const {
    const std::span<const event> events(data_.histories[user]);
    const std::span<const event> past = events.first(cut);
    film_prompt asked{.tokens = {},
                      .next_items = next_strong_items(events.subspan(cut), list_length),
                      .pool = {},
                      .topics = {}};
    asked.pool = draw_pool(user, asked.next_items, rng);
    std::vector<event> liked;
    for (const event& e : past)
      if (strong(e)) liked.push_back(e);
    const std::span<const event> lately = short_term(liked, recent_films);
    const std::vector<std::string> habits = genres_of(liked, 3);
    asked.topics = genres_of(lately, genres_.size());
    for (const std::string& genre : habits)
      if (std::ranges::find(asked.topics, genre) == asked.topics.end()) asked.topics.push_back(genre);

    std::vector<std::string> candidates;
    for (const std::size_t film : asked.pool) candidates.push_back(titles_[film]);
    asked.tokens = encode(chat_.render(
        {{"user", question("profile"_a = profile_text(data_.users[user]), "habits"_a = habits,
                           "liked"_a = each(
                               lately, "title"_a = [&](const event& e) { return titles_[e.item]; },
                               "genres"_a = [&](const event& e) { return told_genres(data_.items[e.item]); }),
                           "pool"_a = candidates, "count"_a = list_length)}}));
    return asked;
  }

  /// The answer to learn: the genres of the films liked last, then the label.
  [[nodiscard]] example<film_prompt, film_answer> lesson(const film_prompt& asked) const {
    std::string text = "<think>The user likes " + asked.topics.front();
    if (asked.topics.size() > 1) text += " and " + asked.topics[1];
    text += ".</think>\n<answer>\n";
    for (const std::size_t film : asked.next_items) text += titles_[film] + "\n";
    text += "</answer>" + std::string(chat_.reply_end);
    return {asked, answer(encode(text.substr(opened().size())))};
  }

  /// What tokens say.
  [[nodiscard]] film_answer answer(std::vector<std::int64_t> tokens) const {
    const std::string text = opened() + std::string(chat_.reply(decode(tokens)));
    const parsed_answer parsed = parse_answer(text, by_title_);
    film_answer said{
        .tokens = std::move(tokens),
        .items = parsed.items,
        .reasons = {},
        .well_formed = parsed.well_formed && parsed.rejected.empty() && parsed.items.size() == list_length};
    std::string word;
    for (const char c : parsed.reasoning + " ") {
      if (std::string_view(" \t\n.,;:!?").find(c) != std::string_view::npos) {
        if (genres_.contains(word)) said.reasons.push_back(word);
        word.clear();
      } else {
        word += c;
      }
    }
    return said;
  }

  [[nodiscard]] std::string decode(std::span<const std::int64_t> tokens) const {
    return tokenizer_.decode(std::vector<int>(tokens.begin(), tokens.end()));
  }

 private:
  /// One user in ten is never trained on.
  static bool is_stranger(std::size_t user) { return user % 10 == 9; }

  [[nodiscard]] std::vector<std::int64_t> encode(const std::string& text) const {
    const std::vector<int> ids = tokenizer_.encode(text);
    return {ids.begin(), ids.end()};
  }

  /// What of an answer stands in the prompt already: DeepSeek-R1's prompts open the reasoning.
  [[nodiscard]] std::string opened() const {
    return chat_.reply_start.find("<think>") == std::string_view::npos ? "" : "<think>";
  }

  /// The label and random films that the user never rates, pool_size in all, shuffled.
  [[nodiscard]] std::vector<std::size_t> draw_pool(std::size_t user, std::span<const std::size_t> label,
                                                   random_stream rng) const {
    std::set<std::string_view> taken;  // titles: some films are in the catalogue twice
    for (const event& e : data_.histories[user]) taken.insert(titles_[e.item]);
    std::vector<std::size_t> pool(label.begin(), label.end());
    while (pool.size() < pool_size && taken.size() < titles_.size())
      if (const std::size_t film = rng.below(titles_.size()); taken.insert(titles_[film]).second)
        pool.push_back(film);
    std::vector<std::size_t> shuffled;
    for (const std::size_t place : rng.permutation(pool.size())) shuffled.push_back(pool[place]);
    return shuffled;
  }

  /// The genres of events, most frequent first, ties by name; at most `count`.
  [[nodiscard]] std::vector<std::string> genres_of(std::span<const event> events, std::size_t count) const {
    std::vector<std::string> names;
    for (const topic_summary& t : long_term(events, data_.items))
      if (names.size() < count) names.push_back(t.topic);
    return names;
  }

  static std::string told_genres(const item& film) {
    std::string text;
    for (const std::string& genre : std::span(film.topics).first(std::min(film.topics.size(), genres_told)))
      text += (text.empty() ? "" : ", ") + genre;
    return text;
  }

  const dataset& data_;
  const pretrained_tokenizer& tokenizer_;
  const chat_format& chat_;
  std::vector<std::string> titles_;
  std::set<std::string> genres_;
  title_pool by_title_;
};

}  // namespace films
