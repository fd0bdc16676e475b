// The three layouts of MovieLens, by rows as their READMEs show them.
#include <recllm/data/read_movielens.hpp>

#include <fstream>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

using topics = std::vector<std::string>;

struct folder : temporary_folder {
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
  }
  void write_100k() const {
    write("u.user", "1|24|M|technician|85711\n2|53|F|other|94043\n");
    write("u.item",
          "1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Toy%20Story%20(1995)"
          "|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
          "2|Mis\xE9rables, Les (1995)|01-Jan-1995||u|0|0|0|0|0|0|0|0|1|0|0|0|1|0|0|0|0|0|0\n"
          "267|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n");
    write("u.data", "2\t1\t3\t881250949\n1\t267\t5\t881250950\n1\t2\t4\t881250950\n1\t1\t2\t881250949\n");
  }
  void write_1m() const {
    write("users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n");
    write("movies.dat",
          "1::Toy Story (1995)::Animation|Children's|Comedy\n2::Caf\xE9 au Lait (1993)::Comedy\n");
    write("ratings.dat", "1::2::5::978300760\n1::1::3::978302109\n2::1::4::978298413\n");
  }
  void write_25m() const {
    write("movies.csv",
          "movieId,title,genres\n1,Toy Story (1995),Adventure|Animation\n"
          "11,\"American President, The (1995)\",Comedy|Drama|Romance\n"
          "171495,\"Say \"\"Caf\xC3\xA9\"\"\",(no genres listed)\n");
    write("ratings.csv",
          "userId,movieId,rating,timestamp\n5,11,4.5,1147880044\n5,1,0.5,1147868817\n1,171495,5.0,9\n");
  }
};

}  // namespace

TEST_CASE("MovieLens 100k") {
  const folder files;
  files.write_100k();
  const dataset data = read_movielens(files.path);
  REQUIRE(data.users.size() == 2);
  CHECK(data.users[0].attributes ==
        std::vector<std::pair<std::string, std::string>>{
            {"age", "24"}, {"gender", "M"}, {"occupation", "technician"}, {"zip_code", "85711"}});
  REQUIRE(data.items.size() == 3);
  CHECK(data.items[0].title == "Toy Story");
  CHECK(data.items[0].year == "1995");
  CHECK(data.items[0].topics == topics{"Animation", "Children's", "Comedy"});
  CHECK(data.items[0].attributes.empty());
  CHECK(data.items[1].title == "Mis\xC3\xA9rables, Les");
  CHECK(data.items[1].topics == topics{"Drama", "Musical"});
  CHECK(data.items[2].id == "267");
  CHECK(data.items[2].title == "unknown");
  CHECK(data.items[2].year.empty());
  CHECK(data.items[2].topics == topics{"unknown"});
  CHECK(item_sequence(std::span(data.histories[0])) == std::vector<std::size_t>{0, 2, 1});
  CHECK(data.histories[0][1].value == 5);
  CHECK(data.histories[1][0].time == 881250949);

  files.write("u.data", "1\t1\t3\n");
  CHECK_THROWS_WITH(read_movielens(files.path),
                    Contains("u.data:1: expected 4 fields parted by tabs, found 3"));
  files.write("u.data", "1\t9\t3\t1\n");
  CHECK_THROWS_WITH(read_movielens(files.path), Contains("u.data:1: item '9' has no row in u.item"));
  files.write("u.item", "1|Toy Story (1995)|01-Jan-1995||u|0\n");
  CHECK_THROWS_WITH(read_movielens(files.path),
                    Contains("u.item:1: expected 24 fields parted by '|', found 6"));
}

TEST_CASE("MovieLens 1M, and 10M, which tells nothing of its users") {
  const folder files;
  files.write_1m();
  const dataset data = read_movielens(files.path);
  CHECK(data.users[0].attributes ==
        std::vector<std::pair<std::string, std::string>>{
            {"age", "1"}, {"gender", "F"}, {"occupation", "K-12 student"}, {"zip_code", "48067"}});
  CHECK(data.users[1].attribute("occupation") == "self-employed");
  CHECK(data.items[0].topics == topics{"Animation", "Children's", "Comedy"});
  CHECK(data.items[1].title == "Caf\xC3\xA9 au Lait");
  CHECK(data.items[1].year == "1993");
  CHECK(item_sequence(std::span(data.histories[0])) == std::vector<std::size_t>{1, 0});

  files.write("users.dat", "1::F::1::21::48067\n2::M::56::16::70072\n");
  CHECK_THROWS_WITH(read_movielens(files.path),
                    "recllm: read_movielens: " + (files.path / "users.dat").string() +
                        ":1: column 'occupation' holds '21'; expected a code from 0 to 20");
  std::filesystem::remove(files.path / "users.dat");
  files.write("ratings.dat", "2::1::4.5::978298413\n1::2::0.5::978300760\n");
  const dataset bare = read_movielens(files.path);
  CHECK(bare.users[0].id == "2");
  CHECK(bare.users[0].attributes.empty());
  CHECK(bare.histories[0][0].value == 4.5);
}

TEST_CASE("MovieLens 25M and its like") {
  const folder files;
  files.write_25m();
  const dataset data = read_movielens(files.path);
  CHECK(data.users[0].id == "5");
  CHECK(data.users[1].id == "1");
  CHECK(data.items[1].title == "American President, The");
  CHECK(data.items[1].year == "1995");
  CHECK(data.items[2].title == "Say \"Caf\xC3\xA9\"");
  CHECK(data.items[2].topics.empty());
  CHECK(data.histories[0][0].value == 0.5);
  CHECK(data.histories[0][1].item == 1);
  files.write("movies.csv", "movieId,title,genres\n1,Caf\xE9 (1995),Drama\n");
  CHECK_THROWS_WITH(read_movielens(files.path),
                    Contains("movies.csv:2: column 'title' holds 'Caf\xE9 (1995)'"));
}

TEST_CASE("a title's year is its last number of four digits in parentheses") {
  const folder files;
  files.write_25m();
  files.write("ratings.csv", "userId,movieId,rating,timestamp\n5,0,4.5,1\n");
  const std::vector<std::array<const char*, 3>> cases{
      {"Seven (a.k.a. Se7en) (1995)", "Seven (a.k.a. Se7en)", "1995"},
      {"Land Before Time III (1995) (V)", "Land Before Time III (V)", "1995"},
      {"(1995) (V)", "(V)", "1995"},
      {"2012 (2009) ", "2012", "2009"},
      {"Babylon 5", "Babylon 5", ""},
      {" Dark (2017-2019) ", "Dark (2017-2019)", ""},
      {"(1968)", "", "1968"},
      {"Half (19", "Half (19", ""},
      {"Twice (1900) (1976)", "Twice (1900)", "1976"}};
  std::string text = "movieId,title,genres\n";
  for (std::size_t i = 0; i < cases.size(); ++i) text += std::to_string(i) + "," + cases[i][0] + ",Drama\n";
  files.write("movies.csv", text);
  const dataset data = read_movielens(files.path);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CHECK(data.items[i].title == cases[i][1]);
    CHECK(data.items[i].year == cases[i][2]);
  }
}

TEST_CASE("a folder of no layout or of two") {
  const folder files;
  CHECK_THROWS_WITH(read_movielens(files.path / "no"), Contains("is not a folder; expected one that holds"));
  CHECK_THROWS_WITH(read_movielens(files.path),
                    Contains("holds none of u.data, ratings.dat and ratings.csv"));
  files.write_25m();
  files.write_1m();
  CHECK_THROWS_WITH(read_movielens(files.path), Contains("holds more than one of u.data, ratings.dat"));
  std::filesystem::remove(files.path / "ratings.csv");
  std::filesystem::remove(files.path / "movies.dat");
  CHECK_THROWS_WITH(read_movielens(files.path),
                    Contains("cannot open") && Contains("unpack the whole set into one folder"));
}
