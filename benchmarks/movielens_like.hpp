// Files of MovieLens-25M's layout and shape with any number of ratings, the same for the same number.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <recllm/core/random.hpp>

namespace benchmarks {

struct movielens_shape {
  std::size_t ratings = 0;
  std::size_t films = 10'000;
};

/// Writes ratings.csv and movies.csv into `folder`. As in ml-25m (its README: 25,000,095 ratings of 62,423
/// films by 162,541 users): 20 ratings a user at least and about 150 on average, the rows in order of user
/// and film, half stars, sessions of films rated seconds apart; a few films have most of the ratings.
inline void write_movielens_like(const std::filesystem::path& folder, movielens_shape shape) {
  using recllm::random_stream;
  constexpr std::array<const char*, 12> genres{"Action", "Adventure", "Animation", "Children",
                                               "Comedy", "Crime",     "Drama",     "Fantasy",
                                               "Horror", "Romance",   "Sci-Fi",    "War"};
  constexpr std::array<const char*, 10> words{"Night", "River", "Iron",   "Garden", "Last",
                                              "City",  "Storm", "Letter", "Winter", "Dream"};
  std::filesystem::create_directories(folder);
  const random_stream root(25);
  const std::size_t films = shape.films;
  std::size_t rows = shape.ratings;

  std::ofstream movies(folder / "movies.csv", std::ios::binary);
  movies << "movieId,title,genres\n";
  for (std::size_t film = 0; film < films; ++film) {
    random_stream draw = root.split(1).split(film);
    const std::string a = words[draw.below(words.size())], b = words[draw.below(words.size())];
    const std::string year = " (" + std::to_string(1930 + draw.below(90)) + ")";
    movies << 3 * film + 1 << ','
           << (draw.below(5) == 0 ? "\"" + a + " of the " + b + ", The" + year + "\"" : a + " " + b + year)
           << ',' << genres[draw.below(genres.size())];
    for (std::size_t more = draw.below(3); more > 0; --more)
      movies << '|' << genres[draw.below(genres.size())];
    movies << "\n";
  }

  std::ofstream ratings(folder / "ratings.csv", std::ios::binary);
  std::string text = "userId,movieId,rating,timestamp\n";
  std::vector<std::size_t> rated;
  for (std::size_t user = 1; rows > 0; ++user) {
    random_stream draw = root.split(2).split(user);
    const auto wanted = 20 + static_cast<std::size_t>(-140.0 * std::log(1.0 - draw.uniform()));
    rated.clear();
    for (std::size_t i = 0; i < wanted; ++i) {
      const double u = draw.uniform();
      rated.push_back(static_cast<std::size_t>(static_cast<double>(films) * u * u * u));
    }
    std::ranges::sort(rated);
    rated.erase(std::ranges::unique(rated).begin(), rated.end());
    if (rated.size() > rows) rated.resize(rows);
    rows -= rated.size();
    const std::uint64_t joined = 800'000'000 + draw.below(700'000'000);
    for (const std::size_t film : rated) {
      const std::uint64_t session = draw.below(1 + wanted / 50);
      const std::uint64_t half_stars = 1 + (draw.below(10) + draw.below(10)) / 2;
      text += std::to_string(user) + ',' + std::to_string(3 * film + 1) + ',';
      text += std::to_string(half_stars / 2) + (half_stars % 2 == 0 ? ".0," : ".5,");
      text += std::to_string(joined + session * 2'000'000 + draw.below(7200)) + "\n";
    }
    if (text.size() > 1'000'000 || rows == 0) ratings << std::exchange(text, "");
  }
}

}  // namespace benchmarks
