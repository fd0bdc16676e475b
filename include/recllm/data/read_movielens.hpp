// Reads GroupLens' MovieLens folders as they are unpacked: 100k, 1M and 10M, 20M to 32M and "latest".
//
// Source: F. Maxwell Harper and Joseph A. Konstan, The MovieLens Datasets: History and Context, ACM TiiS
// 5(4), 2015, and the README of each set, which names its columns, genres and codes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/data/read_tables.hpp>
#include <recllm/text/ascii.hpp>

namespace recllm {

namespace detail {

/// The columns of u.item from the sixth on (README of ml-100k): 1 for a film of the genre, else 0.
inline constexpr std::array<std::string_view, 19> movielens_genres{
    "unknown",     "Action", "Adventure", "Animation", "Children's", "Comedy",  "Crime",
    "Documentary", "Drama",  "Fantasy",   "Film-Noir", "Horror",     "Musical", "Mystery",
    "Romance",     "Sci-Fi", "Thriller",  "War",       "Western"};

/// What the codes of ml-1m's users.dat mean (its README).
inline constexpr std::array<std::string_view, 21> movielens_occupations{"other",
                                                                        "academic/educator",
                                                                        "artist",
                                                                        "clerical/admin",
                                                                        "college/grad student",
                                                                        "customer service",
                                                                        "doctor/health care",
                                                                        "executive/managerial",
                                                                        "farmer",
                                                                        "homemaker",
                                                                        "K-12 student",
                                                                        "lawyer",
                                                                        "programmer",
                                                                        "retired",
                                                                        "sales/marketing",
                                                                        "scientist",
                                                                        "self-employed",
                                                                        "technician/engineer",
                                                                        "tradesman/craftsman",
                                                                        "unemployed",
                                                                        "writer"};

/// "Toy Story (1995)" -> title "Toy Story", year "1995". The year is the last "(dddd)"; what stands behind
/// it, as in "(1995) (V)", stays in the title. Without one the year is "".
inline void part_title_and_year(item& film, const table_file&) {
  std::string& title = film.title;
  for (std::size_t open = title.rfind('('); open != std::string::npos;
       open = open == 0 ? std::string::npos : title.rfind('(', open - 1)) {
    const std::string_view year = std::string_view(title).substr(open, 6);
    if (year.size() != 6 || year.back() != ')' || !std::ranges::all_of(year.substr(1, 4), is_digit)) continue;
    film.year = year.substr(1, 4);
    const std::string behind(trimmed(std::string_view(title).substr(open + 6)));
    title.resize(open);
    title = std::string(trimmed(title));
    if (!title.empty() && !behind.empty()) title += " ";
    title += behind;
    return;
  }
  title = std::string(trimmed(title));
}

inline table_layout movielens_layout(const char* delimiter, std::vector<std::string> names) {
  return {.delimiter = delimiter, .header = table_header::none, .names = std::move(names), .latin_1 = true};
}

struct movielens_folder {
  std::filesystem::path path;

  [[nodiscard]] table_file open(const char* name, table_layout layout) const {
    return table_file("read_movielens", path / name,
                      "file of MovieLens there: unpack the whole set into one folder", std::move(layout));
  }
  [[nodiscard]] bool has(const char* name) const { return std::filesystem::exists(path / name); }
};

constexpr std::string_view movielens_where = "the layout that GroupLens publishes";

inline void read_movielens_100k(const movielens_folder& folder, dataset_builder& data) {
  data.users.listed_in = "u.user";
  data.items.listed_in = "u.item";
  read_users(folder.open("u.user", movielens_layout("|", {"id", "age", "gender", "occupation", "zip_code"})),
             {"id", {"age", "gender", "occupation", "zip_code"}}, movielens_where, data, as_it_is{});
  std::vector<std::string> columns{"id", "title", "release_date", "video_release_date", "url"};
  const std::vector<std::string> genres(movielens_genres.begin(), movielens_genres.end());
  columns.insert(columns.end(), genres.begin(), genres.end());
  read_items(folder.open("u.item", movielens_layout("|", columns)),
             {.id = "id", .title = "title", .year = "", .topics = "", .attributes = genres}, movielens_where,
             data, [](item& film, const table_file& file) {
               part_title_and_year(film, file);
               for (const auto& [genre, is_there] : film.attributes)
                 if (is_there == "1") film.topics.push_back(genre);
               film.attributes.clear();
             });
  read_events(folder.open("u.data", movielens_layout("\t", {"user", "item", "rating", "time"})),
              {"user", "item", "rating", "time"}, movielens_where, data);
}

inline void read_movielens_dat(const movielens_folder& folder, dataset_builder& data) {
  if (folder.has("users.dat")) {  // 10M tells nothing of its users
    data.users.listed_in = "users.dat";
    read_users(
        folder.open("users.dat", movielens_layout("::", {"id", "gender", "age", "occupation", "zip_code"})),
        {"id", {"age", "gender", "occupation", "zip_code"}}, movielens_where, data,
        [](user& one, const table_file& file) {
          std::string& code = one.attributes[2].second;
          const auto known = parse_integer(code);
          if (!known || *known < 0 || *known >= std::ssize(movielens_occupations))
            file.fail("column 'occupation' holds '", code, "'; expected a code from 0 to 20");
          code = movielens_occupations[static_cast<std::size_t>(*known)];
        });
  }
  data.items.listed_in = "movies.dat";
  read_items(folder.open("movies.dat", movielens_layout("::", {"id", "title", "genres"})),
             {"id", "title", "", "genres"}, movielens_where, data, part_title_and_year);
  read_events(folder.open("ratings.dat", movielens_layout("::", {"user", "item", "rating", "time"})),
              {"user", "item", "rating", "time"}, movielens_where, data);
}

inline void read_movielens_csv(const movielens_folder& folder, dataset_builder& data) {
  const table_layout layout{.delimiter = ",", .quoted = true};
  data.items.listed_in = "movies.csv";
  read_items(folder.open("movies.csv", layout), {"movieId", "title", "", "genres"}, movielens_where, data,
             [](item& film, const table_file& file) {
               part_title_and_year(film, file);
               std::erase(film.topics, "(no genres listed)");
             });
  read_events(folder.open("ratings.csv", layout), {"userId", "movieId", "rating", "timestamp"},
              movielens_where, data);
}

}  // namespace detail

/// Reads a MovieLens set; which layout it has is seen from its files:
///   100k          u.data, u.item, u.user: users with age, gender, occupation, zip_code
///   1M, 10M       ratings.dat, movies.dat and, in 1M, users.dat: the same attributes; age is the least of
///   its
///                 band (1 for "under 18"), occupation in words
///   20M and more  ratings.csv, movies.csv: users in order of first appearance, without attributes
///
/// Items keep the order of their file; a title's year is parted from it, topics are the genres ("(no genres
/// listed)" is none). Text that is not UTF-8 is read as ISO 8859-1 in the two older layouts. Histories are in
/// time order, equal times in the order of the file.
///
/// Throws std::invalid_argument, naming file, line, column and value, for a folder without such files or with
/// those of two layouts, and for whatever read_csv() refuses.
[[nodiscard]] inline dataset read_movielens(const std::filesystem::path& folder) {
  const detail::movielens_folder files{folder};
  require(std::filesystem::is_directory(folder), "recllm: read_movielens: ", folder,
          " is not a folder; expected one that holds an unpacked MovieLens set");
  const int layouts = static_cast<int>(files.has("u.data")) + static_cast<int>(files.has("ratings.dat")) +
                      static_cast<int>(files.has("ratings.csv"));
  require(layouts == 1, "recllm: read_movielens: ", folder, " holds ",
          layouts == 0 ? "none" : "more than one",
          " of u.data, ratings.dat and ratings.csv; expected the files "
          "of one MovieLens set");
  detail::dataset_builder data;
  if (files.has("u.data"))
    detail::read_movielens_100k(files, data);
  else if (files.has("ratings.dat"))
    detail::read_movielens_dat(files, data);
  else
    detail::read_movielens_csv(files, data);
  return std::move(data).build();
}

}  // namespace recllm
